"""Redis keys as Feast's Redis online store writes them (entity key serialization version 3).

The constant part, which names the join keys, is made once by Feast's own function when a plan is compiled; what
changes with a request is appended here: for each join key in sorted order its value's type and length (unsigned 32
bit, little endian) and bytes, then the project's name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum


class KeyType(IntEnum):
    """Types a join key may have, by their number in Feast's `ValueType`; Feast itself can serialize few others."""

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
"""Lowest and highest value of each integer type."""
