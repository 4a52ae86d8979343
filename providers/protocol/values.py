"""Converts property values between the engine's protobuf Structs and plain Python.

Signatures and markers of unknown values are those of the Pulumi SDKs (`sdk/go/common/resource/plugin/rpc.go`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from google.protobuf.struct_pb2 import Struct, Value
from typing_extensions import override

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type tag, not a secret
UNKNOWN_TEXTS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """A value that is unknown in a preview."""

    @override
    def __repr__(self) -> str:
        """Return the text for messages."""
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> Unknown:
        """Return itself: it is compared by identity."""
        return self


UNKNOWN: Final = Unknown()

Json = str | int | float | bool | None | Unknown | list["Json"] | dict[str, "Json"]
Secrets = dict[str | int, "Secrets | bool"]
"""Marks of secret parts: the same structure as the value, with True at each secret part."""


@dataclass
class Properties:
    """A decoded property bag.

    Attributes:
        value: Plain values; unknown ones are `UNKNOWN`.
        secrets: Marks of the secret parts.
        unknown: Whether any part is unknown.
    """

    value: dict[str, Json] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=dict)
    unknown: bool = False


def decode(struct: Struct | None) -> Properties:
    """Convert a Struct to Python; drop null fields and convert whole numbers to int."""
    bag = Properties()
    if struct is None:
        return bag
    for key, value in struct.fields.items():
        plain = _plain(value, bag, bag.secrets, key)
        if plain is not None:
            bag.value[key] = plain
    return bag


def _plain(value: Value, bag: Properties, secrets: Secrets, at: str | int) -> Json:  # noqa: PLR0911 - one a kind
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        if text in UNKNOWN_TEXTS:
            bag.unknown = True
            return UNKNOWN
        return text
    if kind == "struct_value":
        return _plain_struct(value.struct_value, bag, secrets, at)
    if kind == "list_value":
        inner: Secrets = {}
        items: list[Json] = [_plain(item, bag, inner, index) for index, item in enumerate(value.list_value.values)]
        if inner:
            secrets[at] = inner
        return items
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    return None


def _plain_struct(struct: Struct, bag: Properties, secrets: Secrets, at: str | int) -> Json:
    fields = struct.fields
    if SIGNATURE in fields:
        if fields[SIGNATURE].string_value == SECRET:
            plain = _plain(fields["value"], bag, {}, at)
            secrets[at] = True
            return plain
        return {SIGNATURE: fields[SIGNATURE].string_value}
    inner: Secrets = {}
    result: dict[str, Json] = {}
    for key, value in fields.items():
        plain = _plain(value, bag, inner, key)
        if plain is not None:
            result[key] = plain
    if inner:
        secrets[at] = inner
    return result


def encode(value: dict[str, Json], secrets: Secrets | None = None) -> Struct:
    """Convert values to a Struct; wrap the parts that `secrets` marks as secrets."""
    struct = Struct()
    for key, item in value.items():
        _fill(struct.fields[key], item, secrets.get(key, False) if secrets else False)
    return struct


def _fill(target: Value, value: Json, secrets: Secrets | bool) -> None:
    if secrets is True:
        fields = target.struct_value.fields
        fields[SIGNATURE].string_value = SECRET
        _fill(fields["value"], value, False)
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        fields = target.struct_value.fields
        for key, item in value.items():
            _fill(fields[key], item, secrets.get(key, False) if secrets else False)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        values = target.list_value.values
        for index, item in enumerate(value):
            _fill(values.add(), item, secrets.get(index, False) if secrets else False)
    elif isinstance(value, int | float):
        target.number_value = value
    elif value is None:
        target.null_value = 0  # type: ignore[assignment]
    else:
        target.string_value = UNKNOWN_TEXT
