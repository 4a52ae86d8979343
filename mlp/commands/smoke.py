"""`mlp smoke`: is the platform right, fresh and quick, from a user's side?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlp import paths
from mlp.errors import UserError
from mlp.options import Stack
from mlp.progress import console, step

if TYPE_CHECKING:
    from smoke.result import CheckResult


def run_smoke(
    stack: str,
    names: tuple[str, ...],
    *,
    rate: float = 20.0,
    seconds: float = 60.0,
    served: Path | None = None,
    as_json: bool = False,
) -> bool:
    """Run checks with progress, show and write the report, and return whether all passed."""
    from smoke.report import show, write
    from smoke.run import run_checks

    results: list[CheckResult] = []
    if as_json:
        results = run_checks(stack, names, rate=rate, seconds=seconds, served_file=served)
    else:
        for name in names:
            with step(f"smoke {name}", estimate=seconds + 10 if name == "serving-latency" else 15):
                results += run_checks(stack, (name,), rate=rate, seconds=seconds, served_file=served)
    report = write(results, stack, paths.REPORTS / f"smoke-{stack}.json")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        show(results, console)
    return bool(report["ok"])


def command(
    check: Annotated[list[str] | None, typer.Argument(help="Checks to run; all when none is named.")] = None,
    stack: Stack = "local",
    rate: Annotated[float, typer.Option(min=1, max=1000, help="Requests per second of serving-latency.")] = 20.0,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Length of serving-latency after warm-up.")] = 60.0,
    served: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Deployment to look at; see smoke/served.yaml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON report only.")] = False,
) -> None:
    """Check a running platform end to end; exit status 1 on any breach."""
    from smoke.run import NAMES

    unknown = set(check or ()) - set(NAMES)
    if unknown:
        raise UserError(
            "There is no such check.", seen=", ".join(sorted(unknown)), allowed=", ".join(NAMES), next_step="mlp smoke"
        )
    names = tuple(check or NAMES)
    if not run_smoke(stack, names, rate=rate, seconds=seconds, served=served, as_json=as_json):
        raise typer.Exit(1)
