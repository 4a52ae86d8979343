"""What changed between two inputs, and whether it can be changed in place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Literal

import yaml

from local.plugins.kubernetes.names import AUTONAMED, group
from local.plugins.kubernetes.paths import Path, above, dig, matches
from local.plugins.protocol.values import UNKNOWN, Json

Kind = Literal["add", "delete", "update"]
_IMMUTABLE: dict[str, list[str]] = yaml.safe_load((File(__file__).parent / "data" / "immutable.yaml").read_text())


@dataclass
class Difference:
    """The outcome of a comparison.

    Attributes:
        changes: What happened at each path.
        replaces: Paths among them that cannot change in place.
        delete_first: True when the replacement would have its predecessor's name.
    """

    changes: dict[Path, Kind]
    replaces: set[Path]
    delete_first: bool


def compare(
    api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any], namespace: str = "default"
) -> Difference:
    """Compare two inputs of one object.

    Args:
        api_version: Of the new inputs.
        kind: Of the new inputs.
        old: Inputs of the last `up`, or as refreshed.
        new: Inputs now; unknown parts count as changed.
        namespace: Where an object without a namespace goes.
    """
    changes: dict[Path, Kind] = {}
    _walk(old, new, (), changes)
    if changes.get(("metadata", "namespace")) and _space(old, namespace) == _space(new, namespace):
        del changes[("metadata", "namespace")]
    replaces = {path for path in changes if _immutable(f"{group(api_version)}/{kind}", path, old, new)}
    same_place = dig(old, "metadata", "name") == dig(new, "metadata", "name") and _space(old, namespace) == _space(
        new, namespace
    )
    made_up = dig(new, "metadata", "annotations", AUTONAMED) == "true"
    return Difference(changes, replaces, bool(replaces) and same_place and not made_up)


def immutable_patterns(family: str) -> list[str]:
    """Return the immutable paths of a `group/Kind`."""
    return _IMMUTABLE.get(family, [])


def _walk(old: Json, new: Json, path: Path, changes: dict[Path, Kind]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            here = (*path, key)
            if not path and key.startswith("__"):
                continue
            if key not in new:
                changes[here] = "delete"
            elif key not in old:
                changes[here] = "add"
            else:
                _walk(old[key], new[key], here, changes)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            here = (*path, index)
            if index >= len(new):
                changes[here] = "delete"
            elif index >= len(old):
                changes[here] = "add"
            else:
                _walk(old[index], new[index], here, changes)
    elif new is UNKNOWN or type(old) is not type(new) or old != new:
        changes[path] = "update"


def _space(value: dict[str, Any], default: str) -> str:
    return dig(value, "metadata", "namespace") or default


def _immutable(family: str, path: Path, old: dict[str, Any], new: dict[str, Any]) -> bool:
    if path in {("metadata", "name"), ("metadata", "namespace"), ("kind",)}:
        return True
    if family in {"v1/ConfigMap", "v1/Secret"} and dig(old, "immutable") is True:
        return path[0] in {"data", "binaryData", "stringData", "immutable", "type"}
    for pattern in _IMMUTABLE.get(family, []):
        if matches(path, pattern):
            return True
        if above(path, pattern):  # a whole part appeared, went, or became unknown
            parts = pattern.split(".")
            if "*" in parts or dig(old, *parts) != dig(new, *parts):
                return True
    return False
