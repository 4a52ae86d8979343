"""Creates, reads, updates and deletes a resource with the calls of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from providers.aws_emulation import requests, shapes
from providers.aws_emulation.account import Account, Gone, operations
from providers.aws_emulation.hooks import HOOKS, RELEASES
from providers.aws_emulation.kinds import Call, Kind
from providers.aws_emulation.templates import fill, find, select
from providers.protocol.errors import PluginError


@dataclass(frozen=True)
class Live:
    """The current state of a resource in the emulated account."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]


def create(account: Account, kind: Kind, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Create a resource; return its ID and its outputs."""
    values = _values(account, inputs)
    params = requests.parameters(kind, kind.create, inputs, values)
    params.update(_tags_on_create(kind, kind.create, inputs))
    if requests.is_unsupported(kind, kind.create):
        _check_parents(account, kind, values)
    made = _call(account, kind, kind.create, params)
    identity = find(kind.id, made, {**values, "made": made})
    if identity is None:
        raise PluginError(f"The response of {kind.create.name} has no {kind.id}: {made}")
    identity = str(identity)
    if requests.is_unsupported(kind, kind.create) or kind.read == ():
        account.keep(kind.token, identity, params)
    if kind.hook:
        account.keep(kind.token, identity, HOOKS[kind.hook](account, identity, inputs))
    for call in kind.after:
        if call.when is None or any(inputs.get(name) is not None for name in call.when):
            _repeat(account, kind, call, identity, inputs, {**values, "id": identity, "made": made})
    if kind.tags and kind.tags.get("later"):
        _retag(account, kind, {**values, "id": identity}, {}, inputs.get("tagsAll") or {})
    live = read(account, kind, identity, inputs, inputs)
    if live is None:
        raise PluginError(f"{kind.token} {identity} does not exist right after its creation")
    return identity, live.outputs


def update(
    account: Account, kind: Kind, identity: str, state: dict[str, Any], olds: dict[str, Any], news: dict[str, Any]
) -> dict[str, Any]:
    """Make the calls whose inputs changed; return the new outputs.

    Raises:
        PluginError: An input changed, and no call can change it.
    """
    changed = {name for name in {*olds, *news} if olds.get(name) != news.get(name)}
    values = {**_values(account, news), "id": identity, "old": olds, "state": state}
    left = changed - kind.local - {"tags", "tagsAll"}
    for call in (*kind.update, *kind.after):
        named = set(call.when) if call.when is not None else call.inputs()
        if call.auto:
            shape = requests.input_shape(call.service or kind.service, call.name)
            named |= {name for name in changed if shape and shapes.member(shape, name) and name not in call.without}
        hit = named & changed - kind.local
        if hit:
            left -= hit
            _repeat(account, kind, call, identity, news, values, only=hit)
    if left:
        raise PluginError(f"The emulation of {kind.token} cannot change {', '.join(sorted(left))}.")
    if kind.tags and changed & {"tags", "tagsAll"}:
        _retag(account, kind, values, olds.get("tagsAll") or {}, news.get("tagsAll") or {})
    live = read(account, kind, identity, {**state, **news}, news)
    if live is None:
        raise PluginError(f"{kind.token} {identity} no longer exists")
    return {key: value for key, value in live.outputs.items() if key in news or key not in olds}


def read(account: Account, kind: Kind, identity: str, state: dict[str, Any], inputs: dict[str, Any]) -> Live | None:
    """Return the current state of a resource; None when it no longer exists."""
    values = {**_values(account, state), "id": identity}
    found: dict[str, Any] = account.kept(kind.token, identity)
    if requests.is_unsupported(kind, kind.create) and not found:
        return None
    for index, call in enumerate(kind.read):
        if requests.is_unsupported(kind, call):
            continue
        try:
            answer = _call(account, kind, call, requests.parameters(kind, call, {}, values))
        except Gone:
            if index == 0:
                return None
            continue
        part = select(call.at, answer, values) if call.at else answer
        if not isinstance(part, dict):
            if index == 0:
                return None
            continue
        found = {**part, **found} if index == 0 else {**found, **part}
    live = {name: _live(kind, name, value, found, values) for name, value in inputs.items()}
    outputs = {name: find(path, found, {**values, **live}) for name, path in kind.outputs.items()}
    given = {name: fill(path, {"emulation": account.cluster()}) for name, path in kind.override.items()}
    outputs.update({name: value for name, value in given.items() if value is not None})
    known = {name: value for name, value in outputs.items() if value is not None}
    return Live(live, {**state, **live, **known})


def delete(account: Account, kind: Kind, identity: str, state: dict[str, Any]) -> None:
    """Delete a resource.

    Raises:
        PluginError: Another resource depends on it.
    """
    values = {**_values(account, state), "id": identity}
    if kind.release:
        RELEASES[kind.release](account, identity, state)
    for call in kind.guard:
        answer = _call(account, kind, call, requests.parameters(kind, call, {}, values))
        if call.at and (left := select(call.at, answer, values)):
            raise PluginError(f"DependencyViolation: {kind.token} {identity} is in use by {left}")
    for call in kind.delete:
        if call.when is not None and not any(state.get(name) for name in call.when):
            continue
        try:
            for item in requests.items(call, values):
                params = requests.parameters(kind, call, {}, {**values, "item": item})
                _call(account, kind, call, params)
        except Gone:
            continue
    account.drop(kind.token, identity)


def _check_parents(account: Account, kind: Kind, values: dict[str, Any]) -> None:
    """Check that the parent of a resource exists, by making the resource's read calls.

    The parent must be checked here when moto does not support the call that creates the resource.
    """
    scope = {**values, "id": find(kind.id, {}, values)}
    for call in kind.read:
        if not requests.is_unsupported(kind, call):
            _call(account, kind, call, requests.parameters(kind, call, {}, scope))


def _live(kind: Kind, name: str, value: Any, found: dict[str, Any], values: dict[str, Any]) -> Any:
    if name in kind.local or (name in ("tags", "tagsAll") and not kind.tags):
        return value
    if name in kind.live:
        path = kind.live[name]
        return value if path is None else shapes.current(value, find(path, found, values))
    if name in ("tags", "tagsAll"):
        return _live_tags(value, shapes.lookup(found, "tags") or shapes.lookup(found, "tagSet"))
    return shapes.current(value, shapes.lookup(found, name))


def _live_tags(wanted: dict[str, str], live: Any) -> dict[str, str]:
    return shapes.current(wanted, live) if live is not None else wanted


def _tags_on_create(kind: Kind, call: Call, inputs: dict[str, Any]) -> dict[str, Any]:
    tags: dict[str, str] = inputs.get("tagsAll") or {}
    if not (kind.tags and tags) or kind.tags.get("later"):
        return {}
    shape = requests.input_shape(call.service or kind.service, call.name)
    if specification := kind.tags.get("specification"):
        pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        return {"TagSpecifications": [{"ResourceType": specification, "Tags": pairs}]}
    name = shapes.member(shape, kind.tags.get("member", "tags"))
    if name is None:
        raise PluginError(f"{call.name} does not accept tags; set `tags: false` or `tags: {{later: true}}`")
    return {name: shapes.to_api(shape.members[name], tags)}


def _retag(account: Account, kind: Kind, values: dict[str, Any], olds: dict[str, str], news: dict[str, str]) -> None:
    tags = kind.tags or {}
    changed = {key: value for key, value in news.items() if olds.get(key) != value}
    removed = sorted(olds.keys() - news.keys())
    scope = {**values.get("state", {}), **values}
    for what, content in (("set", {"changed": changed}), ("remove", {"removed": removed})):
        if next(iter(content.values())):
            call = Call(tags[what]["call"], send=tags[what]["send"])
            _call(account, kind, call, requests.parameters(kind, call, {}, {**scope, **content}))


def _repeat(
    account: Account,
    kind: Kind,
    call: Call,
    identity: str,
    inputs: dict[str, Any],
    values: dict[str, Any],
    only: set[str] | None = None,
) -> None:
    for item in requests.items(call, values):
        params = requests.parameters(kind, call, inputs, {**values, "item": item}, only)
        _call(account, kind, call, params)
        if requests.is_unsupported(kind, call):
            account.keep(kind.token, identity, params)


def _call(account: Account, kind: Kind, call: Call, params: dict[str, Any]) -> dict[str, Any]:
    service = call.service or kind.service
    if call.name not in operations(service):
        raise PluginError(f"{service} has no operation {call.name}")
    return account.call(service, call.name, params)


def _values(account: Account, values: dict[str, Any]) -> dict[str, Any]:
    return {"region": account.region, "account": account.id, "inputs": values, **values}
