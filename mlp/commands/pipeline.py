"""`mlp pipeline`: submit, list, explain and cancel runs of Kubeflow Pipelines; the `kfp` client works as well."""

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

app = typer.Typer(no_args_is_help=True, help="Run a pipeline, list its runs, show why a run failed, cancel a run.")

NAMES = ("flights",)
RECENT = 200
"""Number of runs that are searched for the beginning of an id; the API returns at most this many at once."""

WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RunId = Annotated[str, typer.Argument(help="Id of the run or its beginning, as `mlp pipeline list` shows it.")]


def _connect(stack: str) -> tuple[Platform, Server]:
    from client import platform
    from client.pipelines.stack import server

    target = platform.load(stack)
    return target, server(target)


def package_of(name: str, platform: Platform) -> Package:
    """Return a workload's compiled pipeline with the platform's image of workload jobs.

    Raises:
        UserError: The workload does not exist.
    """
    from client.pipelines.package import load
    from common.paths import ROOT

    if name not in NAMES:
        raise UserError("This pipeline does not exist.", seen=name, allowed=", ".join(NAMES))
    return load(ROOT / "examples" / name / "pipeline" / f"{name}.yaml").with_image(platform.job_image)


def parsed(given: list[str]) -> dict[str, object]:
    """Return `NAME=VALUE` options as a mapping.

    Raises:
        UserError: An option has no name or no `=`.
    """
    found: dict[str, object] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UserError(
                "A parameter has no name or no value.",
                seen=item,
                allowed="--param NAME=VALUE",
                next_step="mlp pipeline run --help",
            )
        found[name] = value
    return found


def print_step(step: Step, seconds: float) -> None:
    """Print the new state of a step."""
    colour = {"succeeded": "green", "cached": "cyan", "failed": "red"}.get(step.state, "dim")
    again = f", attempt {step.attempts}" if step.attempts > 1 else ""
    console.print(f"    {step.name:<14} [{colour}]{step.state}[/] [dim]{seconds:.0f} s{again}[/]")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help=f"Pipeline: {', '.join(NAMES)}.")] = "flights",
    stack: Stack = "local",
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="Parameter, as NAME=VALUE; can be repeated.")
    ] = None,
    gpus: Annotated[int, typer.Option(min=0, help="Number of GPUs for training.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every step; reuse no earlier result.")] = False,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end; exit with status 1 when it fails.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a followed run is cancelled.")] = 1200.0,
) -> None:
    """Submit a run and follow it to its end."""
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
            print_step(changed, seconds)

        try:
            follow(server, submitted.run_id, package.steps, timeout=timeout, on_step=show, on_note=_note)
        except UserError:
            _mark_killed(platform, submitted.run_id)
            raise
        except KeyboardInterrupt:
            console.print(f"run {submitted.run_id} continues; mlp pipeline cancel {submitted.run_id} cancels it")
            raise


def _note(text: str) -> None:
    console.print(f"    [yellow]waiting[/] {escape(text)}")


def _mark_killed(platform: Platform, run_id: str) -> None:
    """Mark the MLflow runs of killed steps as killed; do nothing when MLflow does not answer."""
    from examples.flights.parameters import parameters
    from examples.flights.tracking import Tracking

    with suppress(UserError):
        Tracking(platform).mark_killed(parameters().experiment, run_id)


@app.command("list")
def list_runs(
    stack: Stack = "local",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Number of runs.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the newest runs."""
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
    """Return the newest runs, as objects of kfp."""
    found = server.read(lambda client: client.list_runs(page_size=limit, sort_by="created_at desc"))
    return found.runs or []


def _state(item: Any, cancelled: Container[str]) -> str:  # noqa: ANN401 kfp carries no usable types
    """Return a run's state; `CANCELED` for a run that a user cancelled, which the API reports as failed."""
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
    """Return the run whose id equals `run_id` or begins with it.

    Raises:
        UserError: No run or more than one run matches.
    """
    if WHOLE_ID.fullmatch(run_id):
        return server.read(lambda client: client.get_run(run_id))
    found = [item for item in recent(server, RECENT) if item.run_id.startswith(run_id)]
    if len(found) != 1:
        raise UserError(
            f"None of the newest {RECENT} runs has an id that begins with {run_id}."
            if not found
            else f"More than one run has an id that begins with {run_id}.",
            seen=run_id if not found else ", ".join(item.run_id for item in found[:5]),
            allowed="a whole id, or the beginning of the id of a recent run",
            next_step="mlp pipeline list",
        )
    return found[0]


@app.command()
def logs(
    run_id: RunId,
    stack: Stack = "local",
    only: Annotated[str | None, typer.Option("--step", help="Only the pods of this step.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Log lines of each pod.")] = 20,
) -> None:
    """Show why a run's steps failed or wait, and the last lines of their logs."""
    from client.pipelines import follow, pods, runs

    _, server = _connect(stack)
    item = resolve(server, run_id)
    workflow = runs.workflow(server, item.run_id)
    ended = {item.run_id} if runs.cancelled(workflow) else set[str]()
    console.print(f"run {item.run_id} ({item.display_name}): {_state(item, ended).lower()}", markup=False)
    for reason in follow.explain(server, item.run_id, workflow, step=only, lines=lines):
        console.print(f"✗ {reason}", style="red", markup=False)
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
            "The steps of this run have no pods: a reused result needs no pod, and ended pods are deleted. "
            f"MLflow keeps the reason of a failure in tag `failure` of the runs with "
            f"tags.pipeline_run_id = '{item.run_id}'.",
            markup=False,
        )


@app.command()
def cancel(run_id: RunId, stack: Stack = "local") -> None:
    """Cancel a run and wait until its pods are gone."""
    from client.pipelines import follow, runs

    platform, server = _connect(stack)
    item = resolve(server, run_id)
    if str(item.state) in runs.FINAL:
        raise UserError(
            "The run has already ended.",
            seen=str(item.state).lower(),
            next_step=f"mlp pipeline logs {item.run_id} --stack {stack}",
        )
    with step(f"cancelling run {item.run_id}") as cancelling:

        def note(state: str) -> None:
            cancelling.detail = state

        follow.cancel(server, item.run_id, note)
        _mark_killed(platform, item.run_id)
    console.print(f"run {item.run_id} is cancelled", markup=False)
