"""Reads the skipped checks of scanners, with reasons, from `skips.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from policy.exceptions import SHORTEST_REASON, escaped

FILE = Path(__file__).with_name("skips.yaml")


@dataclass(frozen=True)
class Failed:
    """A failed check of a scanner on a resource."""

    check: str
    title: str
    resource: str


class Skip(BaseModel):
    """One skipped check, with its resources, stacks and reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    resource: str
    stacks: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=SHORTEST_REASON)


@functools.cache
def skips() -> tuple[Skip, ...]:
    """Return all entries."""
    return TypeAdapter(tuple[Skip, ...]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def unexplained(found: Iterable[Failed], entries: Iterable[Skip], stack: str) -> tuple[list[Failed], list[Skip]]:
    """Return the failed checks without an entry, and the entries for the stack that match no failed check."""
    own = [entry for entry in entries if stack in entry.stacks]
    left: list[Failed] = []
    used: set[Skip] = set()
    for item in found:
        about = [one for one in own if one.check == item.check and fnmatchcase(item.resource, escaped(one.resource))]
        used.update(about)
        if not about:
            left.append(item)
    return left, [entry for entry in own if entry not in used]
