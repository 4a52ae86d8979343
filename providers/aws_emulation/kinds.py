"""Reads `kinds/*.yaml`: the API calls that create, read, update and delete each resource type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from providers.protocol.errors import PluginError

FOLDER = Path(__file__).parent / "kinds"
REFERENCE = re.compile(r"\$\{?([A-Za-z]\w*)")
ALWAYS = {"region", "tagsAll"}
"""Inputs that every type has and that are not parameters of calls."""


@dataclass(frozen=True)
class Call:
    """One API call.

    Attributes:
        name: Operation in snake case, as in boto3.
        send: Parameters; texts may refer to inputs (`$name`, `${name}`), see `templates`.
        auto: Whether to also send every input that has the name of a parameter.
        when: Inputs; the call is made when one is set (create) or changed (update). When None: the inputs that the
            call refers to.
        each: Reference to a list; the call is made for each entry, `$item`.
        at: JMESPath of the relevant part of the response.
        service: Service of the operation, when it is not the kind's.
        without: Inputs that `auto` does not send.
    """

    name: str
    send: dict[str, Any] = field(default_factory=dict)
    auto: bool = False
    when: tuple[str, ...] | None = None
    each: str | None = None
    at: str | None = None
    service: str | None = None
    without: tuple[str, ...] = ()

    def inputs(self) -> set[str]:
        """Return the names of the inputs that the call refers to."""
        return set(self.when or ()) | {found for text in _texts([self.send, self.each]) for found in _names(text)}


@dataclass(frozen=True)
class Kind:
    """One resource type.

    Attributes:
        token: Pulumi type token.
        service: Name of the service in boto3.
        create: Call that creates the resource.
        id: ID of the resource: JMESPath in the response, or a text with references.
        after: Calls that complete the resource, made on create, and on update when their inputs changed.
        update: Calls that change the resource.
        read: Calls that describe the resource; their results are merged in order.
        delete: Calls that delete the resource.
        guard: Calls whose result must be empty before a deletion, as in the real service.
        replace: Inputs whose change requires a replacement.
        local: Inputs that only the provider uses.
        outputs: Further outputs: JMESPath in the description, or a text with references.
        override: Outputs that are taken from the cluster behind the emulation, if there is one.
        live: Path of an input in the description, when it has another name there; None when it is not described.
        autoname: Input that gets a generated name when the program sets none.
        secret: Outputs that are always secret.
        hook: Name of the function for what the service creates implicitly, see `hooks`.
        release: Name of the function to call before a deletion, see `hooks`.
        tags: How tags are sent and changed; None for a type without tags.
    """

    token: str
    service: str
    create: Call
    id: str
    after: tuple[Call, ...] = ()
    update: tuple[Call, ...] = ()
    read: tuple[Call, ...] = ()
    delete: tuple[Call, ...] = ()
    guard: tuple[Call, ...] = ()
    replace: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    outputs: dict[str, str] = field(default_factory=dict)
    override: dict[str, str] = field(default_factory=dict)
    live: dict[str, str | None] = field(default_factory=dict)
    autoname: str | None = None
    tags: dict[str, Any] | None = None
    secret: tuple[str, ...] = ()
    hook: str | None = None
    release: str | None = None


def kind(token: str) -> Kind:
    """Return the kind of a type token.

    Raises:
        PluginError: The emulation has no such type.
    """
    try:
        return kinds()[token]
    except KeyError:
        raise PluginError(f"The emulation does not support the type {token}; add it to {FOLDER}.") from None


@cache
def kinds() -> dict[str, Kind]:
    """Return all kinds by type token."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Kind] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        content = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - a safe loader either way
        for token, entry in content["kinds"].items():
            found[token] = _kind(token, entry, content)
    return found


def _kind(token: str, entry: dict[str, Any], header: dict[str, Any]) -> Kind:
    values = dict(entry)
    tags = values.pop("tags", True)
    for key in ("after", "update", "read", "delete", "guard"):
        values[key] = tuple(_call(item, auto=key == "update") for item in _listed(values.get(key)))
    for key in ("replace", "local"):
        values[key] = frozenset(values.get(key, ()))
    values["secret"] = tuple(values.get("secret", ()))
    values["create"] = _call(values["create"], auto=True)
    values.setdefault("service", header["service"])
    spec = {**header.get("tags", {}), **tags} if isinstance(tags, dict) else header.get("tags") if tags else None
    return Kind(token=token, tags=spec, **values)


def _call(item: str | dict[str, Any], *, auto: bool) -> Call:
    if isinstance(item, str):
        return Call(item, auto=auto)
    values = dict(item)
    values.setdefault("auto", auto)
    values["name"] = values.pop("call")
    for key in ("when", "without"):
        if key in values:
            values[key] = tuple(values[key])
    return Call(**values)


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _names(text: str) -> list[str]:
    return REFERENCE.findall(text)
