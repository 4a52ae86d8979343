"""Reads the exceptions to rules from `exceptions.yaml`, and applies them to findings."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from policy.model import Finding

FILE = Path(__file__).with_name("exceptions.yaml")
SHORTEST_REASON = 30
"""Smallest number of characters in a reason."""


class Exemption(BaseModel):
    """One exception.

    Attributes:
        rule: Id of the rule.
        resource: Subjects of its findings; `*` matches anything.
        stacks: Stacks in which the exception is valid.
        reason: Reason of the exception.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resource: str
    stacks: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=SHORTEST_REASON)

    def excuses(self, finding: Finding, stack: str) -> bool:
        """Tell whether the exception applies to a finding in a stack."""
        about = finding.rule.id == self.rule and fnmatchcase(finding.subject, escaped(self.resource))
        return about and stack in self.stacks


def escaped(pattern: str) -> str:
    """Return a pattern for `fnmatch` in which only `*` is special; names contain brackets."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


@dataclass(frozen=True)
class Judged:
    """Findings of one stack, by their consequence.

    Attributes:
        violations: Findings without an exception.
        excused: Findings with an exception, and the exception.
        unused: Exceptions for the stack that apply to no finding.
        warnings: Findings that are not violations yet and have no exception.
    """

    violations: Sequence[Finding]
    excused: Sequence[tuple[Finding, Exemption]]
    unused: Sequence[Exemption]
    warnings: Sequence[Finding] = ()


@functools.cache
def exemptions(file: Path = FILE) -> tuple[Exemption, ...]:
    """Return all entries.

    Raises:
        ValidationError: An entry lacks a field, or its reason is too short.
    """
    return TypeAdapter(tuple[Exemption, ...]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))


def judge(findings: Iterable[Finding], entries: Iterable[Exemption], stack: str) -> Judged:
    """Apply the exceptions to the findings of a stack."""
    violations: list[Finding] = []
    warnings: list[Finding] = []
    excused: list[tuple[Finding, Exemption]] = []
    own = [entry for entry in entries if stack in entry.stacks]
    for finding in findings:
        found = next((entry for entry in own if entry.excuses(finding, stack)), None)
        if found is None:
            (warnings if finding.warning else violations).append(finding)
        else:
            excused.append((finding, found))
    used = {entry for _, entry in excused}
    return Judged(violations, excused, [entry for entry in own if entry not in used], warnings)
