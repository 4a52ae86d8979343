"""Conversion of property values, including secrets, without an engine."""

from __future__ import annotations

from providers.protocol.values import SECRET, SIGNATURE, UNKNOWN, UNKNOWN_TEXT, Json, decode, encode


def test_round_trip_with_secrets_and_unknowns() -> None:
    value: dict[str, Json] = {"a": 1, "b": 1.5, "c": [True, {"d": "x"}], "e": {}, "f": UNKNOWN, "g": []}
    bag = decode(encode(value, {"c": {1: {"d": True}}, "e": True}))
    assert bag.value == value
    assert bag.secrets == {"c": {1: {"d": True}}, "e": True}
    assert bag.unknown


def test_wire_form_is_the_sdks() -> None:
    struct = encode({"s": "x", "u": UNKNOWN}, {"s": True})
    inner = struct.fields["s"].struct_value.fields
    assert inner[SIGNATURE].string_value == SECRET
    assert inner["value"].string_value == "x"
    assert struct.fields["u"].string_value == UNKNOWN_TEXT


def test_null_fields_are_dropped() -> None:
    assert decode(encode({"a": None, "b": {"c": None}})).value == {"b": {}}


def test_unknown_inside_a_secret_is_noticed() -> None:
    assert decode(encode({"s": {"x": UNKNOWN}}, {"s": True})).unknown
