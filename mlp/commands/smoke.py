"""`mlp smoke`: check a running platform end to end: correct predictions, fresh features, low latency."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common import paths
from common.errors import UserError
from common.progress import Step, console, step
from mlp.options import Stack, Team

if TYPE_CHECKING:
    from smoke.pipeline_run import Hooks

ESTIMATES = {"mlflow": 15.0, "feature-freshness": 15.0, "serving-correctness": 15.0, "pipeline-run": 240.0}
"""Expected seconds of each check; an option sets the length of the latency check."""


def pipeline_hooks(stack: str, team: str | None = None, say: Callable[[str], None] = lambda _line: None) -> Hooks:
    """Return the functions that `pipeline-run` needs: how to deploy a version, and the commit of the checkout."""
    from client import platform
    from examples.flights import delivery
    from smoke.pipeline_run import Hooks

    existed: list[bool] = []

    def deploy() -> None:
        existed.append(delivery.is_challenged(platform.load(stack, team=team)))
        _challenge(stack, team, say)

    def withdraw() -> None:
        if existed and not existed[0]:
            delivery.withdraw(platform.load(stack, team=team))

    return Hooks(
        deploy=deploy,
        withdraw=withdraw,
        commit=delivery.git_commit() or "",
        say=say,
    )


def _challenge(stack: str, team: str | None, say: Callable[[str], None]) -> None:
    from client import platform
    from examples.flights import delivery

    shown: list[str] = []

    def note(state: str) -> None:
        if state not in shown:
            shown.append(state)
            say(state)

    delivery.challenge(platform.load(stack, team=team), "challenger", note)


def run_smoke(
    stack: str,
    names: tuple[str, ...],
    *,
    team: str | None = None,
    rate: float = 20.0,
    seconds: float = 60.0,
    served: Path | None = None,
    as_json: bool = False,
) -> bool:
    """Run checks with progress, print and write the report, and return whether all passed."""
    from client.reachable import require_cluster
    from mlp import engine
    from smoke.report import show, write
    from smoke.run import run_checks

    require_cluster(engine.outputs(stack).get("kubeconfig"), stack)
    if as_json:
        hooks = pipeline_hooks(stack, team)
        results = run_checks(stack, names, rate=rate, seconds=seconds, served_file=served, team=team, hooks=hooks)
    else:
        current: list[Step] = []

        @contextmanager
        def around(name: str) -> Iterator[None]:
            with step(f"smoke {name}", estimate=ESTIMATES.get(name, seconds + 10)) as running:
                current[:] = [running]
                yield

        def say(line: str) -> None:
            current[0].detail = line
            console.print(f"    {line}", style="dim", markup=False)

        hooks = pipeline_hooks(stack, team, say)
        results = run_checks(
            stack, names, rate=rate, seconds=seconds, served_file=served, team=team, hooks=hooks, around=around
        )
    report = write(results, stack, paths.REPORTS / f"smoke-{stack}.json")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        show(results, console)
    return bool(report["ok"])


def command(
    check: Annotated[
        list[str] | None, typer.Argument(help="Checks to run; without an argument all but pipeline-run.")
    ] = None,
    stack: Stack = "local",
    team: Team = None,
    rate: Annotated[float, typer.Option(min=1, max=1000, help="Requests per second of serving-latency.")] = 20.0,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds that serving-latency measures after its warm-up.")
    ] = 60.0,
    served: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Description of the deployment to check; see smoke/served.yaml."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the JSON report.")] = False,
) -> None:
    """Check a running platform end to end; exit with status 1 when a check fails."""
    from client import platform
    from smoke.run import NAMES, PIPELINE

    every = (*NAMES, PIPELINE)
    unknown = set(check or ()) - set(every)
    if unknown:
        raise UserError(
            "This check does not exist.",
            seen=", ".join(sorted(unknown)),
            allowed=", ".join(every),
            next_step="mlp smoke",
        )
    names = tuple(check or NAMES)
    platform.load(stack, team=team)  # refuse a team that does not exist before anything runs
    if not run_smoke(stack, names, team=team, rate=rate, seconds=seconds, served=served, as_json=as_json):
        raise typer.Exit(1)
