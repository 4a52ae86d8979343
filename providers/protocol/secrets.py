"""Combines marks of secret parts in values."""

from __future__ import annotations

from providers.protocol.values import Secrets


def merge(one: Secrets, other: Secrets) -> Secrets:
    """Return the union of two sets of marks."""
    result: Secrets = dict(one)
    for key, mark in other.items():
        have = result.get(key)
        if mark is True or have is True:
            result[key] = True
        elif isinstance(have, dict) and isinstance(mark, dict):
            result[key] = merge(have, mark)
        elif isinstance(mark, dict):
            result[key] = mark
    return result
