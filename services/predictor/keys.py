"""Encodes Redis keys in the format of Feast's Redis online store (entity key serialization version 3).

Feast's own function makes the constant part with the names of the join keys, once, when a plan is compiled. This module
encodes the part that depends on the request: for each join key in sorted order, the type and length of its value
(unsigned 32 bit, little endian) and its bytes. The project's name follows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum


class KeyType(IntEnum):
    """Allowed types of join keys, with their number in Feast's `ValueType`; Feast can serialize few others."""

    STRING = 2
    INT32 = 3
    INT64 = 4


def _string(value: str | int) -> bytes:
    data = str(value).encode()
    return struct.pack("<II", KeyType.STRING, len(data)) + data


def _int32(value: str | int) -> bytes:
    return struct.pack("<IIi", KeyType.INT32, 4, value)


def _int64(value: str | int) -> bytes:
    return struct.pack("<IIq", KeyType.INT64, 8, value)


ENCODERS: dict[KeyType, Callable[[str | int], bytes]] = {
    KeyType.STRING: _string,
    KeyType.INT32: _int32,
    KeyType.INT64: _int64,
}

RANGES: dict[KeyType, tuple[int, int]] = {
    KeyType.INT32: (-(1 << 31), (1 << 31) - 1),
    KeyType.INT64: (-(1 << 63), (1 << 63) - 1),
}
"""Minimum and maximum of each integer type."""
