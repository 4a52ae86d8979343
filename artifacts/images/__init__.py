"""Container images, built without a registry and named by their content."""

from __future__ import annotations

from collections.abc import Iterable

from artifacts.images.inputs import reference, references

__all__ = ["ensure", "load", "ready", "reference", "references", "resolve"]


def resolve() -> None:
    """Have the versions of the images' Debian packages on this machine; from then on references are final.

    A command that shows references before anything is built, a preview of the local stack, calls it first; `ensure`
    calls it itself. It fetches package lists once (20 s), and never again until `mlp images update`.

    Raises:
        UserError: This machine has no apt source of a suite, or apt failed.
    """
    from artifacts.images.mirror import have

    have()


def ready(tools: Iterable[str] = (), names: Iterable[str] | None = None) -> list[str]:
    """Return the images, in build order, that need no other tools than `tools`; builds nothing.

    `ensure(ready())` can run in a thread while the toolchain compiles; what it has not reached when it is stopped is
    built by the next `ensure`.

    Args:
        tools: Names of tools (artifacts/toolchain/tools.yaml) that are built.
        names: Images to choose from; all that the platform runs when None.
    """
    from artifacts.images.catalog import catalog
    from artifacts.toolchain.catalog import owner

    book, built = catalog(), set(tools)

    def needs(name: str) -> set[str]:
        return {owner(binary).name for image in book.lineage(name) for binary in image.binaries}

    return [name for name in book.wanted(names) if needs(name) <= built]


def ensure(names: Iterable[str] | None = None) -> None:
    """Build the images that are missing from the cache folder, and what they are built on.

    Args:
        names: Images to have; all that the platform runs when None.

    Raises:
        UserError: A name is unknown, or a build failed; says which, with the end of its log.
    """
    from artifacts.images.build import ensure as build

    build(names)


def load(names: Iterable[str] | None = None) -> None:
    """Import the images that the running containerd lacks; they must be built.

    Args:
        names: Images to import; all that the platform runs when None.

    Raises:
        UserError: containerd does not run, an image is not built, or the import failed.
    """
    from artifacts.images.containerd import load as import_images

    import_images(names)
