"""Smoke checks for tests: run one, read its rows, run it again after the outage."""

from __future__ import annotations

from smoke.result import CheckResult, Row
from smoke.run import run_checks

SECONDS = 3.0
"""Length of the latency check; enough for the verdict on a slow or missing store."""


def smoke(check: str) -> CheckResult:
    """Run one check against stack `local`, exactly as `mlp smoke` does."""
    (result,) = run_checks("local", (check,), seconds=SECONDS)
    return result


def passes(check: str) -> None:
    """Run one check, which must pass."""
    result = smoke(check)
    assert result.ok, (result.reason, [row for row in result.rows if not row.ok])


def breaches(result: CheckResult) -> list[Row]:
    """Return the rows that failed."""
    return [row for row in result.rows if not row.ok]


def row(result: CheckResult, head: str) -> Row:
    """Return the row whose name begins with `head`."""
    (found,) = [row for row in result.rows if row.name.startswith(head)]
    return found
