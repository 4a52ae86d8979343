"""Container images, built without a registry and named by their content."""

from __future__ import annotations

from collections.abc import Iterable

from images.inputs import reference, references

__all__ = ["ensure", "load", "reference", "references"]


def ensure(names: Iterable[str] | None = None) -> None:
    """Build the images that are missing from the cache folder, and what they are built on.

    Args:
        names: Images to have; all that the platform runs when None.

    Raises:
        UserError: A name is unknown, or a build failed; says which, with the end of its log.
    """
    from images.build import ensure as build

    build(names)


def load(names: Iterable[str] | None = None) -> None:
    """Import the images that the running containerd lacks; they must be built.

    Args:
        names: Images to import; all that the platform runs when None.

    Raises:
        UserError: containerd does not run, an image is not built, or the import failed.
    """
    from images.containerd import load as import_images

    import_images(names)
