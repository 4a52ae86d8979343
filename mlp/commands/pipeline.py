"""`mlp pipeline`: runs of Kubeflow Pipelines, thin over kfp's client; `kfp` itself works beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from common.errors import UserError
from common.progress import console, step
from mlp.options import Stack

if TYPE_CHECKING:
    from client.pipelines.package import Package
    from client.pipelines.runs import Step
    from client.pipelines.server import Server
    from client.platform import Platform

app = typer.Typer(no_args_is_help=True, help="Run a pipeline and see how its runs are.")

NAMES = ("flights",)
RECENT = 200
"""Runs among which a beginning of an id is looked for; the API gives no more at once."""

WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RunId = Annotated[str, typer.Argument(help="Id of the run, or its beginning; see `mlp pipeline list`.")]


def _connect(stack: str) -> tuple[Platform, Server]:
    from client import platform
    from client.pipelines.stack import server

    target = platform.load(stack)
    return target, server(target)


def package_of(name: str, platform: Platform) -> Package:
    """Return a workload's compiled pipeline with the platform's image of jobs.

    Raises:
        UserError: There is no such workload.
    """
    from client.pipelines.package import load
    from common.paths import ROOT
    from examples.flights.delivery import job_image

    if name not in NAMES:
        raise UserError("there is no such pipeline", seen=name, allowed=", ".join(NAMES))
    return load(ROOT / "workloads" / name / "pipeline" / f"{name}.yaml").with_image(job_image(platform))


def parsed(given: list[str]) -> dict[str, object]:
    """Return `NAME=VALUE` options as a mapping.

    Raises:
        UserError: One of them has no `=`.
    """
    found: dict[str, object] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UserError(
                "a parameter has no name or no value",
                seen=item,
                allowed="--param NAME=VALUE",
                next_step="mlp pipeline run --help",
            )
        found[name] = value
    return found


def say(step: Step, seconds: float) -> None:
    """Show that a step came into another state."""
    colour = {"succeeded": "green", "cached": "cyan", "failed": "red"}.get(step.state, "dim")
    again = f", attempt {step.attempts}" if step.attempts > 1 else ""
    console.print(f"    {step.name:<14} [{colour}]{step.state}[/] [dim]{seconds:.0f} s{again}[/]")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help=f"Pipeline: {', '.join(NAMES)}.")] = "flights",
    stack: Stack = "local",
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE; repeat it.")] = None,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs that training asks for.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every step again, reuse nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end; its failure is exit status 1.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a followed run is cancelled.")] = 1200.0,
) -> None:
    """Submit a run, and follow it to its end."""
    from client.pipelines.follow import follow
    from client.pipelines.submit import submit
    from examples.flights.submission import arguments

    platform, server = _connect(stack)
    package = package_of(name, platform)
    given = package.arguments(parsed(param or []))
    _ = server.client
    values = package.arguments({**arguments(platform, fresh=fresh, gpus=gpus), **given})
    submitted = submit(server, package, values, experiment=name)
    console.print(f"run {submitted.run_id} ({submitted.name})", markup=False)
    if not wait:
        return
    with step(f"pipeline {name}") as running:

        def show(changed: Step, seconds: float) -> None:
            running.detail = f"{changed.name} {changed.state}"
            say(changed, seconds)

        try:
            follow(server, submitted.run_id, package.steps, timeout=timeout, on_step=show, on_note=_note)
        except UserError:
            _settle(platform, submitted.run_id)
            raise
        except KeyboardInterrupt:
            console.print(f"run {submitted.run_id} goes on; mlp pipeline cancel {submitted.run_id} ends it")
            raise


def _note(text: str) -> None:
    console.print(f"    [yellow]waiting[/] {escape(text)}")


def _settle(platform: Platform, run_id: str) -> None:
    """Mark in MLflow what steps could not, because they were killed; that MLflow is away is no news by now."""
    from examples.flights.parameters import parameters
    from examples.flights.tracking import Tracking

    with suppress(UserError):
        Tracking(platform).settle(parameters().experiment, run_id)


@app.command("list")
def list_runs(
    stack: Stack = "local",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Newest runs shown.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the newest runs."""
    from client.pipelines import runs

    _, server = _connect(stack)
    ended = runs.cancelled_runs(server)
    rows = [_row(item, ended) for item in recent(server, limit)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("run", "name", "state", "created", "seconds", box=None, pad_edge=False)
    for row in rows:
        colour = {"SUCCEEDED": "green", "FAILED": "red"}.get(row["state"], "yellow")
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.0f}"
        table.add_row(
            row["run_id"], escape(row["name"]), f"[{colour}]{row['state'].lower()}[/]", row["created"], seconds
        )
    console.print(table)


def recent(server: Server, limit: int) -> list[Any]:
    """Return the newest runs as kfp has them."""
    found = server.read(lambda client: client.list_runs(page_size=limit, sort_by="created_at desc"))
    return found.runs or []


def _state(item: Any, cancelled: Container[str]) -> str:  # noqa: ANN401 kfp carries no usable types
    """Return a run's state; one that somebody ended is `CANCELED`, whatever the API calls it."""
    return "CANCELED" if item.run_id in cancelled else str(item.state or "PENDING")


def _row(item: Any, cancelled: Container[str]) -> dict[str, Any]:  # noqa: ANN401 as above
    ended = item.finished_at if item.finished_at and item.finished_at.year > 1970 else None
    return {
        "run_id": item.run_id,
        "name": item.display_name,
        "state": _state(item, cancelled),
        "created": f"{item.created_at:%Y-%m-%d %H:%M:%S}",
        "seconds": (ended - item.created_at).total_seconds() if ended else None,
    }


def resolve(server: Server, run_id: str) -> Any:  # noqa: ANN401 as above
    """Return the run whose id is or begins with `run_id`.

    Raises:
        UserError: There is none, or more than one.
    """
    if WHOLE_ID.fullmatch(run_id):
        return server.read(lambda client: client.get_run(run_id))
    found = [item for item in recent(server, RECENT) if item.run_id.startswith(run_id)]
    if len(found) != 1:
        raise UserError(
            f"no run begins so among the newest {RECENT}" if not found else "more than one run begins so",
            seen=run_id if not found else ", ".join(item.run_id for item in found[:5]),
            allowed="a whole id, or the beginning of a recent one",
            next_step="mlp pipeline list",
        )
    return found[0]


@app.command()
def logs(
    run_id: RunId,
    stack: Stack = "local",
    only: Annotated[str | None, typer.Option("--step", help="Only of this step.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Lines of each pod.")] = 20,
) -> None:
    """Show how a run's steps ended: last lines of their logs, and why a pod does not start."""
    from client.pipelines import follow, pods, runs

    _, server = _connect(stack)
    item = resolve(server, run_id)
    workflow = runs.workflow(server, item.run_id)
    ended = {item.run_id} if runs.cancelled(workflow) else set[str]()
    console.print(f"run {item.run_id} ({item.display_name}): {_state(item, ended).lower()}", markup=False)
    for told in follow.explained(server, item.run_id, workflow, step=only, lines=lines):
        console.print(f"✗ {told}", style="red", markup=False)
    shown = 0
    for pod in pods.of_run(server, item.run_id):
        name = pods.step_of((pod.metadata.annotations or {}).get(pods.NODE_NAME, ""))
        if name.endswith("driver") or (only is not None and name != only):
            continue
        shown += 1
        if pod.status.phase != "Failed":
            console.print(f"{name} ({pod.metadata.name}): {pod.status.phase.lower()}", markup=False)
            for line in pods.log(server, pod.metadata.name, lines):
                console.print(f"    {line}", style="dim", markup=False)
    if not shown:
        console.print(
            "no pods of its steps are left: reused results make none, and ended ones are collected; "
            f"MLflow keeps why a step failed: tags.pipeline_run_id = '{item.run_id}', tag `failure`",
            markup=False,
        )


@app.command()
def cancel(run_id: RunId, stack: Stack = "local") -> None:
    """End a run and wait until its pods are gone."""
    from client.pipelines import follow, runs

    platform, server = _connect(stack)
    item = resolve(server, run_id)
    if str(item.state) in runs.FINAL:
        raise UserError(
            "the run has ended already",
            seen=str(item.state).lower(),
            next_step=f"mlp pipeline logs {item.run_id} --stack {stack}",
        )
    with step(f"run {item.run_id}") as ending:

        def note(state: str) -> None:
            ending.detail = state

        follow.end(server, item.run_id, note)
        _settle(platform, item.run_id)
    console.print(f"run {item.run_id} is cancelled", markup=False)
