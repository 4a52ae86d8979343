"""Exceptions to rules: data with a written reason each, from `exceptions.yaml`."""

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
"""Characters of a reason that can be one."""


class Exemption(BaseModel):
    """One entry.

    Attributes:
        rule: Id of the rule.
        resource: Subjects of its findings; `*` stands for anything.
        stacks: Stacks in which it holds.
        reason: Why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resource: str
    stacks: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=SHORTEST_REASON)

    def excuses(self, finding: Finding, stack: str) -> bool:
        """Whether it is about a finding in a stack."""
        about = finding.rule.id == self.rule and fnmatchcase(finding.subject, escaped(self.resource))
        return about and stack in self.stacks


def escaped(pattern: str) -> str:
    """Return a pattern in which `*` alone is special: names have brackets."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


@dataclass(frozen=True)
class Judged:
    """Findings of one stack, apart.

    Attributes:
        violations: What no exception covers.
        excused: What one covers, with it.
        unused: Exceptions for the stack that cover nothing.
        warnings: What is no violation yet, and covered by none.
    """

    violations: Sequence[Finding]
    excused: Sequence[tuple[Finding, Exemption]]
    unused: Sequence[Exemption]
    warnings: Sequence[Finding] = ()


@functools.cache
def exemptions(file: Path = FILE) -> tuple[Exemption, ...]:
    """Return all entries.

    Raises:
        ValidationError: One lacks a part, or its reason is none.
    """
    return TypeAdapter(tuple[Exemption, ...]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))


def judge(findings: Iterable[Finding], entries: Iterable[Exemption], stack: str) -> Judged:
    """Set the findings of a stack against the exceptions."""
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
