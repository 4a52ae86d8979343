"""The container images that are ours: what each is made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError

FOLDER = Path(__file__).resolve().parent
REGISTRY = "mlplatform.local"
"""First part of every reference: no registry has this name, so nothing can be pulled by accident."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One entry of catalog.yaml; the file's head explains each field."""

    name: str
    description: str
    parent: str | None = None
    binaries: tuple[str, ...] = ()
    wheel_files: Mapping[str, str] = field(default_factory=dict)
    requirements: bool = False
    alone: tuple[str, ...] = ()
    apart: bool = False
    leave_out: tuple[str, ...] = ()
    from_source: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    root: tuple[str, ...] = ()
    suite: str | None = None
    internal: bool = False
    bench: bool = False
    estimate_seconds: float = 10
    folder: Path = field(default=FOLDER, compare=False)

    @property
    def requirements_in(self) -> Path:
        """What its Python part asks for."""
        return self.folder / "requirements.in"

    @property
    def requirements_txt(self) -> Path:
        """What that resolves to, with hashes."""
        return self.folder / "requirements.txt"

    @property
    def has_requirements(self) -> bool:
        """Whether something is taken from Python wheels."""
        return self.requirements or bool(self.wheel_files)


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Every image, and what they share.

    Attributes:
        suite: Debian's code name, where an image names no other.
        python: Minor version of Python in the images, `3.11`.
        python_platform: Newest platform tag of wheels that the suite's C library can load.
        strip_everywhere: Globs below site-packages that no image needs.
        images: By name; a parent stands before its children.
    """

    suite: str
    python: str
    python_platform: str
    strip_everywhere: tuple[str, ...]
    images: Mapping[str, Image]

    def image(self, name: str) -> Image:
        """Return the image called `name`.

        Raises:
            UserError: There is none.
        """
        try:
            return self.images[name]
        except KeyError:
            raise UserError(f"there is no image called {name!r}", seen=name, allowed=", ".join(self.images)) from None

    def lineage(self, name: str) -> list[Image]:
        """Return the image, its parent, its parent's parent and so on."""
        found = [self.image(name)]
        while found[-1].parent is not None:
            found.append(self.image(found[-1].parent))
        return found

    def suite_of(self, image: Image) -> str:
        """Return the Debian suite that an image and all it is built on are of."""
        lineage = [image, *(self.lineage(image.parent) if image.parent is not None else [])]
        return next((each.suite for each in lineage if each.suite is not None), self.suite)

    def parents(self) -> set[str]:
        """Return the names that another image is built on."""
        return {image.parent for image in self.images.values() if image.parent is not None}

    def wanted(self, names: Iterable[str] | None) -> list[str]:
        """Return the images meant by `names`, in build order: all but internal and bench ones when None."""
        if names is None:
            return [name for name, image in self.images.items() if not image.internal and not image.bench]
        chosen = {self.image(name).name for name in names}
        return [name for name in self.images if name in chosen]

    def with_parents(self, names: Iterable[str]) -> list[str]:
        """Return `names` and all they are built on, in build order."""
        needed = {image.name for name in names for image in self.lineage(name)}
        return [name for name in self.images if name in needed]


def parse(text: str, folder: Path = FOLDER) -> Catalog:
    """Return the catalog that `text` (catalog.yaml) holds.

    Args:
        text: The file's content.
        folder: Where the images' own folders are.

    Raises:
        ValueError: A parent does not stand before its child.
        TypeError: An unknown field.
    """
    data: dict[str, Any] = yaml.safe_load(text)
    images: dict[str, Image] = {}
    for name, entry in data["images"].items():
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        image = Image(name=name, folder=folder / values.pop("files_of", name), **values)
        if image.parent is not None and image.parent not in images:
            raise ValueError(f"image {name}: its parent {image.parent} does not stand before it")
        images[name] = image
    return Catalog(
        suite=data["suite"],
        python=str(data["python"]),
        python_platform=data["python_platform"],
        strip_everywhere=tuple(data["strip_everywhere"]),
        images=images,
    )


@functools.cache
def catalog() -> Catalog:
    """Return the catalog of this repository."""
    return parse((FOLDER / "catalog.yaml").read_text())
