"""Builds the parameters of API calls from inputs, and checks inputs before any call is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.aws_emulation import shapes
from providers.aws_emulation.account import UNSUPPORTED, input_shape
from providers.aws_emulation.kinds import ALWAYS, Call, Kind
from providers.aws_emulation.templates import fill
from providers.protocol.errors import PluginError

IDENTITY = "000000000000"
"""Placeholder for IDs and the account while only the form of a call is checked."""

AUTOMATIC = {"tags"}
"""Inputs that are sent separately, never as a parameter with their name."""


def parsed(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a provider's settings with structures, which arrive as JSON texts, parsed."""
    return {
        key: json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for key, value in settings.items()
    }


def parameters(
    kind: Kind, call: Call, inputs: dict[str, Any], values: dict[str, Any], only: set[str] | None = None
) -> dict[str, Any]:
    """Return the parameters of one call.

    Args:
        kind: The resource type.
        call: The call.
        inputs: The resource's inputs.
        values: Values that references may name, inputs included.
        only: Inputs to send by name (in an update); when None, all.

    Raises:
        PluginError: A nested input has no parameter with its name.
    """
    shape = input_shape(call.service or kind.service, call.name)
    sent = fill(call.send, values) or {}
    result: dict[str, Any] = {}
    try:
        if call.auto and shape is not None:
            for name, value in inputs.items():
                if name in kind.local or name in AUTOMATIC or name in call.without or (only and name not in only):
                    continue
                found = shapes.member(shape, name)
                if found and found not in sent and value is not None:
                    result[found] = shapes.to_api(shape.members[found], value, name)
        for name, value in sent.items():
            member = shapes.member(shape, name)
            if member is None:
                raise ValueError(f"{call.name} has no parameter {name}")
            result[member] = shapes.to_api(shape.members[member], value, name)
    except ValueError as error:
        raise PluginError(str(error)) from None
    return result


def referenced_inputs(kind: Kind) -> set[str]:
    """Return the inputs that a call of the kind refers to, or that are not sent at all."""
    calls = (kind.create, *kind.after, *kind.update)
    return {name for call in calls for name in call.inputs()} | kind.local | ALWAYS | ({"tags"} if kind.tags else set())


def failures(kind: Kind, inputs: dict[str, Any], region: str) -> Iterator[tuple[str, str]]:
    """Yield (name, reason) for inputs that no call sends and parameters that the service would refuse.

    Unknown values are accepted.
    """
    by_name = [call for call in (kind.create, *kind.after, *kind.update) if call.auto]
    shapes_by_name = [shape for call in by_name if (shape := input_shape(call.service or kind.service, call.name))]
    known = referenced_inputs(kind)
    for name in inputs:
        if name not in known and not any(shapes.member(shape, name) for shape in shapes_by_name):
            yield name, f"unknown input: the emulation of {kind.token} does not support it"
    values = {"region": region, "account": IDENTITY, "id": IDENTITY, "inputs": inputs, **inputs}
    for call in (kind.create, *kind.after):
        if not _applies(call, inputs):
            continue
        for item in items(call, values):
            scope = {**values, "item": item}
            try:
                params = parameters(kind, call, inputs, scope)
            except PluginError as error:
                yield call.name, str(error)
                continue
            shape = input_shape(call.service or kind.service, call.name)
            for text in shapes.problems(shape, params, call.name, complete=False):
                if IDENTITY not in text:
                    yield call.name, text


def _applies(call: Call, inputs: dict[str, Any]) -> bool:
    return call.when is None or any(inputs.get(name) is not None for name in call.when)


def items(call: Call, values: dict[str, Any]) -> list[Any]:
    """Return the values of `$item` for which a call is made; a single None without `each`."""
    if call.each is None:
        return [None]
    found = fill(call.each, values)
    if not isinstance(found, list):
        return []
    return found


def is_unsupported(kind: Kind, call: Call) -> bool:
    """Return whether moto does not support a call."""
    return call.name in UNSUPPORTED.get(call.service or kind.service, ())
