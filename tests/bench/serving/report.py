"""Reports the comparison as a table, a JSON file and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.serving.measure import PERCENTILES, Measured

SCHEMA = 1


def show(measured: Sequence[Measured], console: Console, title: str) -> None:
    """Print one row for each target: median of the rounds, best round, and the server's own figures if reported."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("ms, p50 / p95 / p99")
    for column in ("median of rounds", "best round", "features", "predict", "failed"):
        table.add_column(column, justify="right")
    for item in measured:
        cells = [" / ".join(f"{item.median(name):.1f}" for name in PERCENTILES)]
        cells.append(" / ".join(f"{item.best(name):.1f}" for name in PERCENTILES))
        for phase in ("features", "predict"):
            known = phase in item.phases
            cells.append(" / ".join(f"{item.median(name, phase):.2f}" for name in PERCENTILES) if known else "")
        failed = sum(item.failed.values())
        table.add_row(item.target.title, *cells, f"[red]{failed}[/]" if failed else "0")
    console.print(table)
    for item in measured:
        for reason, count in item.failed.items():
            console.print(f"  {item.target.title}: {count} x {reason}", markup=False)


def write(measured: Sequence[Measured], path: Path, settings: dict[str, Any]) -> None:
    """Write the JSON report."""
    report = {
        "schema": SCHEMA,
        "settings": settings,
        "targets": {item.target.name: item.report() for item in measured},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


def plot(measured: Sequence[Measured], path: Path, title: str) -> None:
    """Draw the distribution of all requests of each target, and the 99th percentile of each of its rounds."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), constrained_layout=True)
    figure.suptitle(title)
    for place, item in enumerate(measured):
        values = np.sort([sample.latency_ms for samples in item.rounds for sample in samples if sample.ok])
        (line,) = left.plot(values, np.arange(1, len(values) + 1) / max(len(values), 1), label=item.target.title)
        tails = [summary.p99 for summary in item.summaries()]
        right.plot(tails, [place] * len(tails), "o", color=line.get_color(), alpha=0.6)
        right.plot([item.median("p99")], [place], "|", markersize=22, color=line.get_color())
    left.set_ylabel("share of requests")
    left.legend(fontsize=8, loc="lower right")
    right.set_yticks(range(len(measured)), [item.target.title for item in measured])
    right.invert_yaxis()
    right.set_title("p99 of each round, median marked")
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_xlabel("ms from when a request was due to its answer")
        axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
