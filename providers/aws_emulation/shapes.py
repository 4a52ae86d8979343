"""Converts between Pulumi's inputs and botocore's shapes: builds and checks parameters, compares live values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from providers.protocol.values import UNKNOWN


@lru_cache(maxsize=16384)
def plain(name: str) -> str:
    """Return a name in a form that is equal for all spellings: `dbSubnetGroupName`, `DBSubnetGroupName`."""
    return name.replace("_", "").replace("-", "").lower()


def same(one: str, other: str) -> bool:
    """Return whether two names mean the same member, ignoring a plural `s`."""
    left, right = plain(one), plain(other)
    return left == right or left.removesuffix("s") == right.removesuffix("s")


def member(shape: Any, name: str) -> str | None:
    """Return the member of a structure that matches an input's name; None without such a member."""
    exact = [found for found in shape.members if plain(found) == plain(name)]
    close = exact or [found for found in shape.members if same(found, name)]
    return close[0] if close else None


def to_api(shape: Any, value: Any, path: str = "") -> Any:  # noqa: PLR0911 - one a type
    """Convert `value` to the form of `shape`.

    Raises:
        ValueError: A nested input has no member with its name.
    """
    kind = shape.type_name
    if value is UNKNOWN:
        return value
    if kind == "structure":
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, dict) and not value:
            return value
        return _structure(shape, value, path)
    if kind == "list":
        if isinstance(value, dict) and _is_pairs(shape.member):
            return _pairs(shape.member, value)
        items = value if isinstance(value, list) else [value]
        return [to_api(shape.member, item, f"{path}[{index}]") for index, item in enumerate(items)]
    if kind == "map":
        return {key: to_api(shape.value, item, f"{path}.{key}") for key, item in dict(value).items()}
    if kind == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return value.encode() if kind == "blob" and isinstance(value, str) else value


def _structure(shape: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: {shape.name} must be an object, not {value!r}")
    result: dict[str, Any] = {}
    for key, item in value.items():
        if item is None:
            continue
        name = member(shape, key)
        if name is None:
            raise ValueError(f"{path}.{key}: {shape.name} has no such member; it has {', '.join(shape.members)}")
        result[name] = to_api(shape.members[name], item, f"{path}.{key}")
    return result


def _is_pairs(shape: Any) -> bool:
    return shape.type_name == "structure" and {plain(name).removeprefix("tag") for name in shape.members} == {
        "key",
        "value",
    }


def _pairs(shape: Any, value: dict[str, Any]) -> list[dict[str, Any]]:
    key, text = sorted(map(str, shape.members), key=plain)
    return [{key: name, text: item} for name, item in sorted(value.items())]


def problems(shape: Any, value: Any, path: str, *, complete: bool) -> Iterator[str]:
    """Yield violations of the service model in parameters: required members, enums, ranges, patterns.

    Args:
        shape: The operation's input shape.
        value: Parameters; parts may be unknown.
        path: Name of the parameters in messages.
        complete: Whether required members must be present.
    """
    if value is UNKNOWN:
        return
    kind = shape.type_name
    if kind in ("list", "map"):
        yield from _ranged(shape, len(value), path, "entries")
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _ranged(shape, value, path, "")
    elif kind == "structure":
        if complete:
            yield from (f"{path}.{name} is required" for name in shape.required_members if value.get(name) is None)
        yield from (f"{path} has no member {name}" for name in value if name not in shape.members)
    for inner, item, name in _parts(shape, value):
        yield from problems(inner, item, f"{path}{name}", complete=complete)


def _parts(shape: Any, value: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield shape, value and name of each member or item of a value."""
    kind = shape.type_name
    if kind == "structure":
        yield from ((shape.members[name], item, f".{name}") for name, item in value.items() if name in shape.members)
    elif kind == "list":
        yield from ((shape.member, item, f"[{index}]") for index, item in enumerate(value))
    elif kind == "map":
        yield from ((shape.value, item, f".{key}") for key, item in value.items())


def _string(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} must be a string, not {value!r}"
        return
    allowed = shape.enum
    if allowed and value not in allowed:
        yield f"{path} is {value!r}; allowed: {', '.join(allowed[:20])}"
    yield from _ranged(shape, len(value), path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and (compiled := _compiled(pattern)) and not compiled.search(value):
        yield f"{path} is {value!r}; it must match {pattern}"


def _ranged(shape: Any, size: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path} has {size} {unit}".rstrip() + f"; allowed: {low} to {high}"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # a Java expression that Python does not support
        return None


def lookup(description: Any, name: str) -> Any:
    """Return the entry of a description that matches an input's name; None without such an entry."""
    if not isinstance(description, dict):
        return None
    exact = [key for key in description if plain(key) == plain(name)]
    close = exact or [key for key in description if same(key, name)]
    return description[close[0]] if close else None


def current(wanted: Any, live: Any) -> Any:
    """Return `wanted` with live values from a description; parts that it does not contain stay unchanged."""
    if live is None:
        return wanted
    if isinstance(wanted, dict):
        live = _from_pairs(live) if isinstance(live, list) else live
        known = isinstance(live, dict)
        return {key: current(item, lookup(live, key)) for key, item in wanted.items()} if known else wanted
    if isinstance(wanted, list):
        return _current_list(wanted, live)
    return wanted if _equal(wanted, live) else _like(wanted, live)


def _equal(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, str) and wanted[:1] in ("[", "{"):
        return _parsed(wanted) == _parsed(live)
    if isinstance(wanted, bool) or isinstance(live, bool):
        return str(wanted).lower() == str(live).lower()
    return str(wanted) == str(live)


def _like(wanted: Any, live: Any) -> Any:
    """Return a live value converted to the type of the input."""
    if isinstance(wanted, bool):
        return str(live).lower() in ("true", "enabled")
    return str(live).lower() if isinstance(live, bool) else live


def _current_list(wanted: list[Any], live: Any) -> Any:
    if not isinstance(live, list):
        return wanted
    if all(isinstance(item, str | int | float) for item in wanted):
        scalars = [item for item in live if isinstance(item, str | int | float)]
        if len(scalars) != len(live) or sorted(map(str, wanted)) == sorted(map(str, live)):
            return wanted
        return live
    if len(wanted) != len(live):
        return live
    return [current(item, other) for item, other in zip(wanted, live, strict=True)]


def _from_pairs(live: list[Any]) -> dict[str, Any]:
    if len(live) == 1 and isinstance(live[0], dict) and "Key" not in live[0]:
        return live[0]
    return {
        str(item.get("Key", item.get("key"))): item.get("Value", item.get("value"))
        for item in live
        if isinstance(item, dict)
    }


def _parsed(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
