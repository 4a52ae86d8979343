"""Builds the project's container images without a registry; a tag is the hash of the image's inputs."""

from __future__ import annotations

from collections.abc import Iterable

from artifacts.images.tags import reference, references

__all__ = ["ensure", "load", "ready", "reference", "references", "resolve"]


def resolve() -> None:
    """Resolve the versions of the images' Debian packages on this machine; references are final afterwards.

    Call it before showing references of images that are not built, for example in a preview of the local stack.
    `ensure` calls it. Package lists are fetched once (20 s), then only by `mlp images update`.

    Raises:
        UserError: This machine has no apt source for a suite, or apt failed.
    """
    from artifacts.images.mirror import ensure_resolved

    ensure_resolved()


def ready(tools: Iterable[str] = (), names: Iterable[str] | None = None) -> list[str]:
    """Return the images that need no tools besides `tools`, in build order; builds nothing.

    `ensure(ready())` can run in a thread while the toolchain compiles. When it is stopped, the next `ensure` builds the
    remaining images.

    Args:
        tools: Names of the tools (artifacts/toolchain/tools.yaml) that are built.
        names: Images to choose from; when None, all images that the platform runs.
    """
    from artifacts.images.catalog import catalog
    from artifacts.toolchain.catalog import owner

    book, built = catalog(), set(tools)

    def needs(name: str) -> set[str]:
        return {owner(binary).name for image in book.lineage(name) for binary in image.binaries}

    return [name for name in book.wanted(names) if needs(name) <= built]


def ensure(names: Iterable[str] | None = None) -> None:
    """Build the images and parent images that are missing from the cache folder.

    Args:
        names: Images to build; when None, all images that the platform runs.

    Raises:
        UserError: A name is unknown, or a build failed; shows the end of the build's log.
    """
    from artifacts.images.build import ensure as build

    build(names)


def load(names: Iterable[str] | None = None) -> None:
    """Import built images that the running containerd lacks.

    Args:
        names: Images to import; when None, all images that the platform runs.

    Raises:
        UserError: containerd is not running, an image is not built, or the import failed.
    """
    from artifacts.images.containerd import load as import_images

    import_images(names)
