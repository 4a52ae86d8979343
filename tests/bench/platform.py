"""Measures the platform for a user of the command line: seconds, memory, size of the state."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from common import paths
from common.errors import UserError
from common.progress import console, step
from mlp import engine

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """One measured number and its target."""

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def ok(self) -> bool:
        """True when there is no target, or the figure meets it."""
        return self.target is None or self.value <= self.target


def timed(command: list[str]) -> tuple[float, str]:
    """Run a command and return its wall seconds and output.

    Raises:
        UserError: The command failed; contains the end of its output.
    """
    with step(" ".join(command)):
        began = time.monotonic()
        done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
    if done.returncode != 0:
        raise UserError(f"{' '.join(command)} failed", seen=(done.stdout + done.stderr)[-1500:])
    return seconds, done.stdout


def up_report() -> dict[str, Any]:
    """Return the report of the last `mlp up` of stack `local`."""
    return json.loads((paths.REPORTS / "up-local.json").read_text())


def from_nothing() -> list[Figure]:
    """Delete stack and cluster, keep toolchain and images, and deploy everything again."""
    mlp = [str(paths.VENV / "bin" / "mlp")]
    timed([*mlp, "destroy", "--stack", "local"])
    timed([*mlp, "cluster", "reset"])
    seconds, _ = timed([*mlp, "up"])
    stages = up_report()["seconds"]
    figures = [Figure("up, tools and images there, no cluster", seconds, "s", 240)]
    return figures + [Figure(f"  of it: {name}", value, "s") for name, value in stages.items() if value >= 1]


def measure() -> list[Figure]:
    """Measure a platform that is up."""
    import node

    mlp = str(paths.VENV / "bin" / "mlp")
    up_seconds, _ = timed([mlp, "up"])
    changes = up_report()["changes"]
    preview_seconds, _ = timed([mlp, "preview", "--stack", "local"])
    _, imported = timed(
        [
            sys.executable,
            "-X",
            "importtime",
            "-c",
            "import time; t=time.time(); import infra.program; print('seconds', time.time()-t)",
        ]
    )
    check_seconds, _ = timed(["make", "check"])
    found = re.search(r"seconds ([\d.]+)", imported)
    changed = sum(count for op, count in changes.items() if op != "same")
    return [
        Figure("up, nothing changed", up_seconds, "s", 60),
        Figure("up, nothing changed: resources changed", changed, "", 0),
        Figure("resources in the stack", sum(changes.values()), ""),
        Figure("preview", preview_seconds, "s", 30),
        Figure("import of the program", float(found.group(1)) if found else float("nan"), "s", 2),
        Figure("make check", check_seconds, "s", 120),
        Figure("memory of cluster and platform", (node.memory_bytes() or 0) / MEBIBYTE, "MiB", 6144),
        Figure("Pulumi state", engine.state_size("local") / MEBIBYTE, "MiB", 5),
    ]


def show(figures: list[Figure], name: str = "platform") -> None:
    """Print the figures and write them to `.mlp/reports/bench-<name>.json`."""
    table = Table(title=name.capitalize(), title_justify="left", header_style="bold")
    for column in ("figure", "measured", "must reach", ""):
        table.add_column(column, justify="right" if column == "measured" else "left")
    for figure in figures:
        target = "" if figure.target is None else f"<= {figure.target:g} {figure.unit}".rstrip()
        mark = "" if figure.target is None else ("[green]ok[/]" if figure.ok else "[red]missed[/]")
        digits = 0 if figure.unit in {"", "MiB"} and figure.value >= 10 else 1
        table.add_row(figure.name, f"{figure.value:.{digits}f} {figure.unit}".rstrip(), target, mark)
    console.print(table)
    paths.REPORTS.mkdir(parents=True, exist_ok=True)
    (paths.REPORTS / f"bench-{name}.json").write_text(json.dumps([asdict(f) for f in figures], indent=2) + "\n")
