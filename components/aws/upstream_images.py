"""References of the images that only AWS needs."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("images.yaml")


@functools.cache
def _table() -> dict[str, str]:
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))


def upstream_image(name: str, registry: str | None) -> str:
    """Return the pinned reference of an image, in `registry` where there is one.

    Args:
        name: Key of images.yaml.
        registry: Registry and path that all images are pulled from; upstream's own when None.
    """
    reference = _table()[name]
    return reference if registry is None else f"{registry.rstrip('/')}/{reference.rpartition('/')[-1]}"
