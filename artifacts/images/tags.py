"""Computes the tag of an image: the hash of all its inputs, known without building it."""

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
"""Version of the build procedure; increase it when the same inputs give another image."""

TAG_LENGTH = 12
"""Number of hex digits of a tag (48 bits)."""

UNUSED_SUFFIXES = {".pyc", ".in"}
"""Suffixes of files that are never copied into an image."""


def files(folder: Path, name: str = "") -> dict[str, list[str]]:
    """Return path -> [`x` or `-`, sha256] of every file below `folder` that may be copied into an image.

    Args:
        folder: Folder to read; a missing folder has no files.
        name: Prefix of the returned paths.
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
    """Return all inputs that determine the content of `image`, as plain data.

    Args:
        book: The catalog that contains the image.
        image: The image.
        parent_tag: Tag of the parent image.
        tool_key: Returns the content key of the tool that builds an executable, given the executable's name.
        versions: Versions of the Debian packages, those of the parents included; None when they are not resolved.
        repository: Folder that contains the image's `sources`.
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


def clear_cache() -> None:
    """Forget computed tags; call it after an input of an image changed while this process runs."""
    _tag.cache_clear()


def tag(name: str) -> str:
    """Return the tag of image `name`: the first 12 hex digits of the sha256 of its inputs, the parent's tag included.

    The inputs include the versions of Debian packages as soon as this machine has resolved them. Until then the tag
    equals `inputs_tag`, and no image is built under it.
    """
    return _tag(name, lock())


def inputs_tag(name: str) -> str:
    """Return the tag of image `name` without the versions of Debian packages: it is the same on every machine."""
    return _tag(name, None)


def reference(name: str) -> str:
    """Return the full reference of image `name`, without building it and without network access.

    Raises:
        UserError: No image has this name.
    """
    return f"{REGISTRY}/{name}:{tag(name)}"


def references() -> dict[str, str]:
    """Return name -> reference of every image that a cluster can run."""
    return {name: reference(name) for name, image in catalog().images.items() if not image.internal}


def containerfile(name: str) -> Path:
    """Return the Containerfile of image `name`."""
    return catalog().image(name).folder / "Containerfile"
