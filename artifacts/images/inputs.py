"""References by content: a tag is the hash of everything an image is made of, known without building it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from artifacts.images.catalog import REGISTRY, Catalog, Image, catalog
from artifacts.images.debian import Lock, lock
from common.paths import ROOT

FORMAT = 4
"""Raised when the code here begins to make something else of the same inputs."""

TAG_LENGTH = 12
"""Hex digits of a tag: 48 bits."""

UNUSED_SUFFIXES = {".pyc", ".in"}
"""Files that never reach an image."""


def files(folder: Path, name: str = "") -> dict[str, list[str]]:
    """Return path -> [`x` or `-`, sha256] of every file below `folder` that can reach an image.

    Args:
        folder: Where to look; a missing one has no files.
        name: Prefix of the paths.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in UNUSED_SUFFIXES and "__pycache__" not in path.parts:
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            found[f"{name}{path.relative_to(folder)}"] = [mode, hashlib.sha256(path.read_bytes()).hexdigest()]
    return found


def recipe(
    book: Catalog,
    image: Image,
    parent_tag: str | None,
    tool_key: Callable[[str], str],
    versions: Mapping[str, str] | None = None,
    repository: Path = ROOT,
) -> dict[str, Any]:
    """Return everything that decides the content of `image`, as plain data.

    Args:
        book: The catalog it is in.
        image: The image.
        parent_tag: Tag of its parent.
        tool_key: Content key of the tool that builds an executable, by the executable's name.
        versions: Version of each of its Debian packages, its parents' included; None when they are not resolved.
        repository: Where its `sources` are.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "parent": parent_tag,
        "files": files(image.folder),
        "binaries": {name: tool_key(name) for name in image.binaries},
        "sources": {name: files(repository / name) for name in image.sources},
    }
    if image.root or image.packages:
        content["debian"] = [book.suite_of(image), list(image.root), list(image.packages)]
        content["versions"] = dict(versions) if versions is not None else None
    if image.has_requirements:
        content["python"] = [book.python, book.python_platform]
        content["strip"] = [*book.strip_everywhere, *image.strip]
        content["wheel_files"] = dict(image.wheel_files)
        content["from_source"] = list(image.from_source)
    return content


def tag_of(content: dict[str, Any]) -> str:
    """Return the tag of a recipe."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:TAG_LENGTH]


def tool_key_of_binary(binary: str) -> str:
    """Return the content key of the tool that builds the executable `binary`."""
    from artifacts.toolchain import tool_key
    from artifacts.toolchain.catalog import owner

    return tool_key(owner(binary).name)


@functools.cache
def _tag(name: str, lock: Lock | None) -> str:
    image = catalog().image(name)
    parent = _tag(image.parent, lock) if image.parent is not None else None
    versions = lock.versions.get(name) if lock is not None else None
    return tag_of(recipe(catalog(), image, parent, tool_key_of_binary, versions))


def forget() -> None:
    """Compute tags again, for those who change the inputs of images while this process runs."""
    _tag.cache_clear()


def tag(name: str) -> str:
    """Return the tag of image `name`: the first 12 hex digits of the sha256 of its inputs, its parent's included.

    Versions of Debian packages are among the inputs once this machine has resolved them. Before that, the tag is that
    of the inputs alone, under which nothing is ever built.
    """
    return _tag(name, lock())


def inputs_tag(name: str) -> str:
    """Return the tag that image `name` has without the versions of Debian packages: the same on every machine."""
    return _tag(name, None)


def reference(name: str) -> str:
    """Return the full reference of image `name`; builds nothing and asks no mirror.

    Raises:
        UserError: There is no such image.
    """
    return f"{REGISTRY}/{name}:{tag(name)}"


def references() -> dict[str, str]:
    """Return name -> reference of every image that a cluster can run."""
    return {name: reference(name) for name, image in catalog().images.items() if not image.internal}


def containerfile(name: str) -> Path:
    """Return the Containerfile of image `name`."""
    return catalog().image(name).folder / "Containerfile"
