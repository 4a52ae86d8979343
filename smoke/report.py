"""Reports the results of checks: a table for users, JSON for programs, a plot of latencies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smoke.result import SCHEMA, CheckResult


def show(results: Sequence[CheckResult], console: Console) -> None:
    """Print one table with every row of every check, and the reason of each check that could not run."""
    table = Table(title="Smoke", title_justify="left", header_style="bold")
    for column, justify in (("check", "left"), ("what", "left"), ("found", "right"), ("allowed", "left"), ("", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for result in results:
        name = f"{result.check} ({result.seconds:.0f} s)"
        if result.reason:
            table.add_row(name, escape(result.reason), "", "", "[red]failed[/]")
        for index, row in enumerate(result.rows):
            mark = ("[green]ok[/]" if row.ok else "[red]breach[/]") if row.allowed is not None else ""
            table.add_row(
                name if index == 0 and not result.reason else "",
                escape(row.name),
                escape(row.shown()),
                escape(row.allowed or ""),
                mark,
            )
        table.add_section()
    console.print(table)
    for result in results:
        for file in result.files:
            console.print(f"  {result.check}: {file}")


def write(results: Sequence[CheckResult], stack: str, path: Path) -> dict[str, object]:
    """Write the JSON report and return it."""
    report: dict[str, object] = {
        "schema": SCHEMA,
        "stack": stack,
        "ok": all(result.ok for result in results),
        "checks": [result.as_dict() for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    return report


def plot_latency(path: Path, series: dict[str, list[float]], budgets: dict[str, float], title: str) -> None:
    """Draw one panel for each series: the milliseconds of every request in order, percentiles, the budget.

    Args:
        path: Path of the PNG file.
        series: Milliseconds of each request, by name (`total`, `features`, `predict`).
        budgets: Limit in milliseconds for the 99th percentile, by the same names.
        title: Title of the figure.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    figure, axes = plt.subplots(1, len(series), figsize=(5 * len(series), 4), constrained_layout=True, squeeze=False)
    figure.suptitle(title)
    for axis, (name, values) in zip(axes[0], series.items(), strict=True):
        axis.plot(range(len(values)), values, ".", markersize=3, color="#2b6cb0", alpha=0.6)
        for percentile, style in ((50, ":"), (95, "-."), (99, "-")):
            figure_ms = float(np.percentile(values, percentile)) if values else 0.0
            axis.axhline(figure_ms, linestyle=style, color="#2f855a", label=f"p{percentile} {figure_ms:.2f} ms")
        axis.axhline(budgets[name], color="#c53030", label=f"budget {budgets[name]:g} ms")
        axis.set_yscale("log")
        axis.set_title(name)
        axis.set_xlabel("request")
        axis.set_ylabel("ms (log)")
        axis.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
