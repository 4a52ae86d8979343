"""Request checks that both protocols share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.predictor.errors import RequestError
from services.predictor.keys import RANGES, KeyType
from services.predictor.plan import KeyField, Row

WORDS = {KeyType.STRING: "a string", KeyType.INT32: "a 32-bit integer", KeyType.INT64: "a 64-bit integer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that passed all checks.

    Attributes:
        rows: Join key values of each instance, in the order of the key fields.
        return_features: Whether to return the features used.
        id: ID that the client gave to the request (V2 only).
        outputs: Names of the requested outputs (V2 only); all when None.
    """

    rows: list[Row]
    return_features: bool = False
    id: str | None = None
    outputs: tuple[str, ...] | None = None


def document(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`.

    Raises:
        RequestError: 400 when the body is not JSON, 422 when it is not an object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "malformed_json", f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestError(422, "wrong_type", f"the body must be an object, not {kind(value)}", field="")
    return value


def kind(value: object) -> str:
    """Return the JSON name of a value's type, with its article."""
    names: dict[type, str] = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "an integer",
    }
    return "null" if value is None else names.get(type(value), "a number")


def key_value(value: object, field: KeyField, instance: int, path: str) -> str | int:
    """Return `value` if it fits the join key.

    Raises:
        RequestError: 422 naming the field.
    """
    if field.type is KeyType.STRING:
        if type(value) is str:
            return value
    elif type(value) is int:
        low, high = RANGES[field.type]
        if low <= value <= high:
            return value
        raise RequestError(
            422,
            "wrong_type",
            f"{path} is out of range; allowed: {WORDS[field.type]}",
            field=field.name,
            instance=instance,
        )
    message = f"{path} must be {WORDS[field.type]}, not {kind(value)}"
    raise RequestError(422, "wrong_type", message, field=field.name, instance=instance)


def parameters(value: object) -> bool:
    """Return `return_features` of a request's `parameters`.

    Raises:
        RequestError: 422 naming the field.
    """
    if value is None:
        return False
    if not isinstance(value, dict):
        raise RequestError(422, "wrong_type", f"parameters must be an object, not {kind(value)}", field="parameters")
    wanted = value.get("return_features", False)
    if not isinstance(wanted, bool):
        message = f"parameters.return_features must be a boolean, not {kind(wanted)}"
        raise RequestError(422, "wrong_type", message, field="parameters.return_features")
    return wanted


def count(found: int, limit: int, field: str) -> None:
    """Check the number of instances.

    Raises:
        RequestError: 422 when there is no instance, 413 when there are more than `limit`.
    """
    if found == 0:
        raise RequestError(422, "missing_field", f"{field} must hold at least one instance", field=field)
    if found > limit:
        message = f"{field} holds {found} instances; at most {limit} are allowed in one request"
        raise RequestError(413, "too_many_instances", message, field=field)


def require(fields: Sequence[KeyField], present: Sequence[str], field: str, instance: int | None = None) -> None:
    """Check that all join keys are present, and no other fields.

    Raises:
        RequestError: 422 naming the missing or unknown field.
    """
    names = [key.name for key in fields]
    for name in names:
        if name not in present:
            raise RequestError(422, "missing_field", f"{field} lacks the field {name}").at(name, instance)
    for name in present:
        if name not in names:
            message = f"{field} has the unknown field {name}; allowed: {', '.join(names)}"
            raise RequestError(422, "unknown_field", message).at(name, instance)
