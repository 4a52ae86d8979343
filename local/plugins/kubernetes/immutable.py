"""Asks the server whether a change can be made in place, for kinds and rules no table knows."""

from __future__ import annotations

import re

from local.plugins.kubernetes.client import ApiError
from local.plugins.kubernetes.paths import Path

_REFUSED = re.compile(
    r"immutable|may not change once set|may not be changed|cannot be changed|cannot change|"
    r"updates to \w+ spec for fields other than|is immutable after creation",
    re.IGNORECASE,
)
_INDEX = re.compile(r"\[(\d+)\]")


def refused(error: ApiError, changed: set[Path]) -> set[Path]:
    """Return the changed paths that the server calls immutable. Pure.

    Args:
        error: What a dry run of the change answered.
        changed: Paths that differ.
    """
    if error.status != 422:
        return set()
    found: set[Path] = set()
    causes = error.causes or [{"message": error.message, "field": ""}]
    for cause in causes:
        if not _REFUSED.search(cause.get("message", "")):
            continue
        parts = tuple(part for part in _INDEX.sub(r".\1", cause.get("field", "")).split(".") if part)
        below = {path for path in changed if _related(tuple(map(str, path)), parts)}
        found |= below or {path for path in changed if path[0] != "metadata"}
    return found


def _related(path: tuple[str, ...], field: tuple[str, ...]) -> bool:
    shorter = min(len(path), len(field))
    return path[:shorter] == field[:shorter]
