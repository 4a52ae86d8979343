"""Reads catalog.yaml: the project's container images and what each is made of."""

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
"""Host part of every reference. No registry has this name, so nothing is pulled by accident."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One entry of catalog.yaml; the comment at the top of that file describes each field."""

    name: str
    description: str
    parent: str | None = None
    binaries: tuple[str, ...] = ()
    wheel_files: Mapping[str, str] = field(default_factory=dict)
    requirements: bool = False
    no_deps: tuple[str, ...] = ()
    separate: bool = False
    exclude: tuple[str, ...] = ()
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
        """File with the direct Python requirements."""
        return self.folder / "requirements.in"

    @property
    def requirements_txt(self) -> Path:
        """File with the resolved Python requirements and their hashes."""
        return self.folder / "requirements.txt"

    @property
    def has_requirements(self) -> bool:
        """Whether the image contains anything from Python wheels."""
        return self.requirements or bool(self.wheel_files)


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All images and their common settings.

    Attributes:
        suite: Debian code name of images that do not name another.
        python: Minor version of Python in the images, `3.11`.
        python_platform: Newest platform tag of wheels that the suite's C library can load.
        strip_everywhere: Globs below site-packages that are removed from every image.
        images: Images by name; a parent comes before its children.
    """

    suite: str
    python: str
    python_platform: str
    strip_everywhere: tuple[str, ...]
    images: Mapping[str, Image]

    def image(self, name: str) -> Image:
        """Return the image called `name`.

        Raises:
            UserError: No image has this name.
        """
        try:
            return self.images[name]
        except KeyError:
            raise UserError("There is no such image.", seen=name, allowed=", ".join(self.images)) from None

    def lineage(self, name: str) -> list[Image]:
        """Return the image, its parent, the parent's parent and so on."""
        found = [self.image(name)]
        while found[-1].parent is not None:
            found.append(self.image(found[-1].parent))
        return found

    def suite_of(self, image: Image) -> str:
        """Return the Debian suite of an image and its ancestors."""
        lineage = [image, *(self.lineage(image.parent) if image.parent is not None else [])]
        return next((each.suite for each in lineage if each.suite is not None), self.suite)

    def parents(self) -> set[str]:
        """Return the names of the images that are the parent of another image."""
        return {image.parent for image in self.images.values() if image.parent is not None}

    def wanted(self, names: Iterable[str] | None) -> list[str]:
        """Return `names` in build order; when None, all images except internal and bench ones."""
        if names is None:
            return [name for name, image in self.images.items() if not image.internal and not image.bench]
        chosen = {self.image(name).name for name in names}
        return [name for name in self.images if name in chosen]

    def with_parents(self, names: Iterable[str]) -> list[str]:
        """Return `names` and their ancestors, in build order."""
        needed = {image.name for name in names for image in self.lineage(name)}
        return [name for name in self.images if name in needed]


def parse(text: str, folder: Path = FOLDER) -> Catalog:
    """Parse the text of catalog.yaml.

    Args:
        text: Content of the file.
        folder: Folder that contains a folder for each image.

    Raises:
        ValueError: A child comes before its parent.
        TypeError: An entry has an unknown field.
    """
    data: dict[str, Any] = yaml.safe_load(text)
    images: dict[str, Image] = {}
    for name, entry in data["images"].items():
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        image = Image(name=name, folder=folder / values.pop("files_of", name), **values)
        if image.parent is not None and image.parent not in images:
            raise ValueError(f"image {name} must come after its parent {image.parent}")
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
