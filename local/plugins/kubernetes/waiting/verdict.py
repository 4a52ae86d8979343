"""The outcome of one look at an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """Whether an object is ready.

    Attributes:
        state: `ready`, `waiting` (it may still become ready) or `failed` (it never will).
        reason: What is missing, for people.
    """

    state: Literal["ready", "waiting", "failed"]
    reason: str = ""


READY = Verdict("ready")


def waiting(reason: str) -> Verdict:
    """Return that it is not ready yet."""
    return Verdict("waiting", reason)


def failed(reason: str) -> Verdict:
    """Return that it will not become ready."""
    return Verdict("failed", reason)
