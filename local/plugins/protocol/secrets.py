"""Keeping secrets secret: where they are, what they are, and text without them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from local.plugins.protocol.values import Json, Secrets

SHORTEST = 4
"""Characters below which a text is too common to be taken out of messages."""

HIDDEN = "[secret]"


def merge(one: Secrets, other: Secrets) -> Secrets:
    """Return the union of two markings."""
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


def texts(value: Json, secrets: Secrets) -> frozenset[str]:
    """Return the secret strings of a value, their base64 forms and what their base64 decodes to."""
    found: set[str] = set()
    for text in _marked(value, secrets):
        found.add(text)
        found.add(base64.b64encode(text.encode()).decode())
        try:
            found.add(base64.b64decode(text, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
    return frozenset(text for text in found if len(text) >= SHORTEST)


def mark(value: Json, hidden: frozenset[str]) -> Secrets:
    """Mark every string in `value` that contains a secret text, wherever the server put it."""
    if not hidden:
        return {}
    result: Secrets = {}
    entries: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, item in entries:
        if isinstance(item, str):
            if any(text in item for text in hidden):
                result[key] = True
        elif inner := mark(item, hidden):
            result[key] = inner
    return result


def redact(message: str, hidden: Iterable[str]) -> str:
    """Return `message` without any of the secret texts, longest first."""
    for text in sorted(hidden, key=len, reverse=True):
        message = message.replace(text, HIDDEN)
    return message


def _marked(value: Json, secrets: Secrets | bool) -> Iterator[str]:
    if secrets is True:
        yield from _leaves(value)
    elif isinstance(secrets, dict):
        for key, inner in secrets.items():
            part: Json = None
            if isinstance(value, dict) and isinstance(key, str):
                part = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                part = value[key]
            yield from _marked(part, inner)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from (line for line in value.splitlines() if line != value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
