"""What a check found, in a shape that a table, a JSON file and an exit status all come from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
"""Version of the JSON report; grows when a field changes its meaning."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured or compared thing.

    Attributes:
        name: What was measured.
        value: What was found.
        allowed: What would have passed; None for a figure that is only reported.
        ok: Whether it passed.
        unit: Unit of value, empty for counts and texts.
    """

    name: str
    value: float | int | str
    allowed: str | None = None
    ok: bool = True
    unit: str = ""

    def shown(self) -> str:
        """Return the value with its unit, figures to two decimals."""
        text = f"{self.value:.2f}" if isinstance(self.value, float) else str(self.value)
        return f"{text} {self.unit}".rstrip()


@dataclass(kw_only=True)
class CheckResult:
    """Result of one check.

    Attributes:
        check: Name of the check.
        rows: What it looked at.
        reason: Why it could not be carried out; empty when it could.
        seconds: Wall time.
        files: Plots and data it wrote, as paths relative to the checkout.
    """

    check: str
    rows: list[Row] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0
    files: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when it was carried out, looked at something, and everything passed."""
        return not self.reason and bool(self.rows) and all(row.ok for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "ok": self.ok}


class CheckFailed(Exception):
    """The check could not be carried out; the text says what was tried, what came back, and where to look."""
