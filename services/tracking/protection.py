"""Tells which protected aliases and stages a change of the model registry would touch. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["alias", "model", "version", "stage"]
"""What a request changes: an alias, a whole registered model, a version, or the stage of a version."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the model registry.

    Attributes:
        operation: What it changes.
        model: Name of the registered model.
        alias: Alias that is set or deleted.
        version: Version that is deleted or gets another stage.
        stage: Stage that the version gets.
    """

    operation: Operation
    model: str
    alias: str = ""
    version: str = ""
    stage: str = ""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A registered model as it is before the change.

    Attributes:
        aliases: Version by alias.
        stages: Stage by version.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)


def names(text: str) -> frozenset[str]:
    """Return the protected names in a list with commas.

    They are compared without regard to case: `Champion` beside `champion` would deceive a reader.
    """
    return frozenset(part.strip().casefold() for part in text.split(",") if part.strip())


def touched(change: Change, before: Registered, protected: frozenset[str]) -> list[str]:
    """Return the protected aliases and stages that the change would set, move or delete."""
    return sorted({name for name in _affected(change, before) if name.casefold() in protected})


def _affected(change: Change, before: Registered) -> Iterable[str]:
    if change.operation == "alias":
        return [change.alias]
    if change.operation == "model":
        return [*before.aliases, *before.stages.values()]
    current = before.stages.get(change.version, "")
    if change.operation == "stage":
        return [change.stage, current]
    return [current, *(alias for alias, version in before.aliases.items() if version == change.version)]
