"""Paths into values: as tuples, and as Pulumi writes them."""

from __future__ import annotations

import re
from typing import Any

from local.plugins.protocol.values import Json

Path = tuple[str | int, ...]

_WORD = re.compile(r"^[A-Za-z_$][\w$-]*$")


def render(path: Path) -> str:
    """Return a Pulumi property path: `spec.containers[0].env`, `metadata.labels["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _WORD.match(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def matches(path: Path, pattern: str) -> bool:
    """Tell whether `path` is at or below `pattern` (dots, `*` for any one part)."""
    parts = pattern.split(".")
    return len(path) >= len(parts) and all(want in ("*", str(part)) for want, part in zip(parts, path, strict=False))


def above(path: Path, pattern: str) -> bool:
    """Tell whether `path` is a parent of `pattern`, so that a change of it may contain one of the pattern's."""
    parts = pattern.split(".")
    return len(path) < len(parts) and all(want in ("*", str(part)) for want, part in zip(parts, path, strict=False))


def dig(value: Any, *path: str | int) -> Any:  # noqa: ANN401 - any part of any object
    """Return what is at `path`, or None."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def put(value: dict[str, Json], path: list[str], item: Json) -> None:
    """Set what is at `path`, making the objects on the way; a path through something else is left alone."""
    here = value
    for part in path[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here.setdefault(path[-1], item)
