"""Result of a check; the source of the table, the JSON report and the exit status."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
"""Version of the JSON report; increased when the meaning of a field changes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement or comparison.

    Attributes:
        name: What was measured.
        value: Measured value.
        allowed: Values that pass; None for a figure that is only reported.
        ok: Whether the value passed.
        unit: Unit of the value; empty for counts and texts.
    """

    name: str
    value: float | int | str
    allowed: str | None = None
    ok: bool = True
    unit: str = ""

    def shown(self) -> str:
        """Return the value with its unit; floats have two decimals."""
        text = f"{self.value:.2f}" if isinstance(self.value, float) else str(self.value)
        return f"{text} {self.unit}".rstrip()


@dataclass(kw_only=True)
class CheckResult:
    """Result of one check.

    Attributes:
        check: Name of the check.
        rows: Measurements and comparisons.
        reason: Why the check could not run; empty when it ran.
        seconds: Wall time.
        files: Plots and data that the check wrote, as paths relative to the checkout.
    """

    check: str
    rows: list[Row] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0
    files: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when the check ran, has rows, and all rows passed."""
        return not self.reason and bool(self.rows) and all(row.ok for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "ok": self.ok}


class CheckFailed(Exception):
    """The check could not run; the text says what was tried, what came back, and what to do next."""
