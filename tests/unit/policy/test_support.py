"""Ends of support: violations, warnings, and the table."""

from __future__ import annotations

import datetime
import io
from dataclasses import replace
from pathlib import Path

import pytest
from policy_world import TODAY, Plant, planted, world
from pydantic import ValidationError
from rich.console import Console

from policy import report as reports
from policy.exceptions import Exemption
from policy.model import Stack
from policy.rules.support import major
from policy.support import WARNING_DAYS, table

DAY = datetime.timedelta(days=1)
ENDS = datetime.date(2027, 8, 2)
"""End of support of Kubernetes 1.36, the version in the small stack."""


def on(day: datetime.date) -> reports.Report:
    return reports.report(replace(world(), today=day), entries=[])


def kubernetes(stack: Stack, version: str) -> Stack:
    plant = Plant("versions-supported", "Cluster/cluster", ["version"], version, frozenset())
    return replace(planted(plant), today=stack.today)


def text(found: reports.Report) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(reports.tables(found))
    return out.getvalue()


def test_a_version_is_supported_through_its_last_day() -> None:
    assert on(ENDS).passed
    assert not on(ENDS + DAY).passed
    [violation] = on(ENDS + DAY).judged.violations
    assert "eks 1.36 left standard support on 2027-08-02 (https://" in violation.message


def test_a_warning_comes_in_time_and_fails_nothing() -> None:
    first = ENDS - WARNING_DAYS * DAY
    assert not on(first - DAY).judged.warnings
    found = on(first)
    assert found.passed
    [warning] = reports.document(found)["warnings"]
    assert warning["message"] == "eks 1.36 leaves standard support on 2027-08-02, in 180 days"
    assert reports.document(found)["violations"] == []
    for part in ("Warnings: not violations yet", "Cluster/cluster", "2027-08-02"):
        assert part in text(found)


def test_an_exception_silences_a_warning_with_its_reason() -> None:
    reason = "A made-up reason of a believable length."
    entry = Exemption(rule="versions-supported", resource="Cluster/cluster", stacks=("prod",), reason=reason)
    found = reports.report(replace(world(), today=ENDS), entries=[entry])
    assert found.passed
    assert not found.judged.warnings
    assert reason in text(found)


def test_kubernetes_134_fails_a_week_after_this_was_written() -> None:
    old = kubernetes(world(), "1.34")
    assert reports.report(old, entries=[]).passed
    assert len(reports.report(old, entries=[]).judged.warnings) == 1
    assert not reports.report(replace(old, today=datetime.date(2026, 12, 3)), entries=[]).passed


def test_a_stack_is_compared_with_the_clock_by_default() -> None:
    stack = Stack("prod", world().profile, [])
    assert stack.today >= TODAY


@pytest.mark.parametrize(
    ("product", "version", "expected"),
    [("eks", "1.36", "1.36"), ("mysql", "8.4.6", "8.4"), ("postgres", "17.6", "17"), ("redis", "7.1", "7")],
)
def test_support_ends_by_major_version(product: str, version: str, expected: str) -> None:
    assert major(product, version) == expected


def test_the_table_covers_what_the_settings_may_name() -> None:
    assert set(table()) == {"eks", "postgres", "mysql", "redis", "valkey"}
    for rows in table().values():
        for row in rows.values():
            assert row.ends is None or row.ends.year > 2020
            assert str(row.source).startswith("https://")


@pytest.mark.parametrize("row", ["{version: '1'}", "{version: '1', ends: soon, source: 'https://x', read: 2026-01-01}"])
def test_a_row_without_source_or_date_is_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "support.yaml").write_text(f"eks: [{row}]")
    with pytest.raises(ValidationError):
        table(tmp_path / "support.yaml")


def test_two_rows_for_one_version_are_refused(tmp_path: Path) -> None:
    row = "{version: '1', ends: null, source: 'https://x', read: 2026-01-01}"
    (tmp_path / "support.yaml").write_text(f"eks: [{row}, {row}]")
    with pytest.raises(ValueError, match="two rows"):
        table(tmp_path / "support.yaml")
