"""Reports the findings of the rules in one stack, as tables for users and as data for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policy.exceptions import Exemption, Judged, exemptions, judge
from policy.model import Area, Finding, Rule, Severity, Stack
from policy.rules import all_rules

SCHEMA = 1
COLORS = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}


@dataclass(frozen=True)
class Report:
    """Rules, the stack they checked, and their findings."""

    stack: Stack
    rules: Sequence[Rule]
    judged: Judged

    @property
    def passed(self) -> bool:
        """Whether there are no violations and no unused exceptions."""
        return not self.judged.violations and not self.judged.unused


def report(stack: Stack, rules: Sequence[Rule] | None = None, entries: Iterable[Exemption] | None = None) -> Report:
    """Check a stack against rules, by default all of them, and apply exceptions, by default the repository's."""
    chosen = all_rules() if rules is None else rules
    findings = [finding for rule in chosen for finding in rule.problems(stack)]
    return Report(stack, chosen, judge(findings, exemptions() if entries is None else entries, stack.name))


def document(found: Report) -> dict[str, Any]:
    """Return the report as data; readers check `schema` first."""
    judged = found.judged
    return {
        "schema": SCHEMA,
        "stack": found.stack.name,
        "passed": found.passed,
        "resources": len(found.stack.resources),
        "rules": len(found.rules),
        "violations": [_entry(item) for item in judged.violations],
        "warnings": [_entry(item) for item in judged.warnings],
        "exceptions": [
            {"rule": item.rule.id, "subject": item.subject, "message": item.message, "reason": entry.reason}
            for item, entry in judged.excused
        ],
        "unused_exceptions": [{"rule": entry.rule, "resource": entry.resource} for entry in judged.unused],
    }


def _entry(item: Finding) -> dict[str, str]:
    return {
        "rule": item.rule.id,
        "severity": item.rule.severity.value,
        "area": item.rule.area.value,
        "subject": item.subject,
        "urn": item.resource.urn,
        "message": item.message,
        "remedy": item.rule.remedy,
    }


def tables(found: Report) -> RenderableType:
    """Return the report as tables for users."""
    judged = found.judged
    parts: list[RenderableType] = [_summary(found)]
    if judged.excused:
        parts.append(_excused(judged))
    if judged.warnings:
        parts.append(_findings("Warnings: not violations yet", judged.warnings))
    if judged.violations:
        parts.append(_findings("Violations", judged.violations))
    parts += [
        Text(f"Exception {entry.rule} for {entry.resource} matches no finding in stack {found.stack.name}: remove it.")
        for entry in judged.unused
    ]
    return Group(*parts)


def _summary(found: Report) -> Table:
    title = f"Policy of stack {found.stack.name}: {len(found.stack.resources)} resources"
    table = Table(title=title, title_justify="left")
    for column in ("area", "rules", "resources checked", "violations", "exceptions"):
        table.add_column(column, justify="left" if column == "area" else "right")
    bad = Counter(item.rule.area for item in found.judged.violations)
    excused = Counter(item.rule.area for item, _ in found.judged.excused)
    for area in Area:
        rules = [rule for rule in found.rules if rule.area is area]
        seen = {item.urn for rule in rules for item in found.stack.of(*rule.types)}
        shown = Text(str(bad[area]), style="red" if bad[area] else "green")
        table.add_row(area.value, str(len(rules)), str(len(seen)), shown, str(excused[area]))
    return table


def _worst_first(item: Finding) -> tuple[int, str, str]:
    return list(Severity).index(item.rule.severity), item.rule.id, item.subject


def _findings(title: str, found: Sequence[Finding]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("severity", "rule", "resource", "problem", "remedy"):
        table.add_column(column, overflow="fold")
    for item in sorted(found, key=_worst_first):
        severity = Text(item.rule.severity.value, style=COLORS[item.rule.severity])
        table.add_row(severity, item.rule.id, Text(item.subject), Text(item.message), Text(item.rule.remedy))
    return table


def _excused(judged: Judged) -> Table:
    table = Table(title="Exceptions in use", title_justify="left", show_lines=True)
    for column in ("rule", "resources", "reason"):
        table.add_column(column, overflow="fold")
    for entry in dict.fromkeys(entry for _, entry in judged.excused):
        subjects = [item.subject for item, other in judged.excused if other == entry]
        table.add_row(entry.rule, Text("\n".join(subjects)), Text(entry.reason))
    return table
