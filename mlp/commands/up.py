"""`mlp up`: deploy or update the platform, on a bare machine or in an AWS account, up to a served prediction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from common import paths
from common.background import Background
from common.errors import UserError
from common.progress import console
from mlp.options import Stack

if TYPE_CHECKING:
    from infra.schema import Settings
    from mlp.engine.removed_teams import Decision, Decisions

T = TypeVar("T")


class Stages:
    """Runs the stages of one `up` and records the seconds of each."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Print the heading of a stage, run it, and record its duration."""
        console.rule(f"[bold]{name}[/]", align="left", style="dim")
        began = time.monotonic()
        result = work()
        self.seconds[name] = round(time.monotonic() - began, 1)
        return result


def _settings(stack: str) -> Settings:
    from components.applications.catalog import APPLICATIONS
    from components.applications.checks import refuse_unknown_checks
    from infra.settings import load_stack, stack_file
    from mlp.account import check_account
    from smoke.run import NAMES, PIPELINE

    settings = load_stack(stack_file(stack))
    refuse_unknown_checks(APPLICATIONS, (*NAMES, PIPELINE))
    check_account(settings, stack)
    return settings


def _machine(stages: Stages) -> None:
    """Prepare this machine up to a running cluster with all images; skip parts that exist."""
    import node
    from artifacts import images, manifests, toolchain
    from artifacts.packages.debian import ensure_packages
    from node.machine.checks import check_machine

    stages.run("machine", check_machine)
    stages.run("system packages", ensure_packages)
    if toolchain.missing():
        _compile(stages)
    stages.run("toolchain", toolchain.ensure)
    stages.run("upstream", manifests.ensure)
    stages.run("images", images.ensure)
    stages.run("cluster", node.start)
    stages.run("load images", images.load)


def _compile(stages: Stages) -> None:
    """Build the toolchain; build images and start the cluster in parallel, as soon as their programs exist.

    The compiler uses the processors. Building and importing images that contain no compiled program waits for disk
    and network, so both together take little longer than one of them. The programs of the cluster are built first.
    """
    import node
    from artifacts import images, toolchain
    from node.lifecycle import TOOLS

    ready = images.ready()
    built = Background(lambda: images.ensure(ready))
    stages.run(
        "toolchain: programs of the cluster; in parallel, images",
        lambda: toolchain.ensure(TOOLS, ahead=toolchain.missing()),
    )

    def load() -> None:
        built.join()
        node.start()
        images.load(ready)

    loaded = Background(load)
    stages.run("toolchain: the other programs; in parallel, the cluster", lambda: toolchain.ensure(ahead=()))
    stages.run("images and cluster", loaded.join)


def _tools(stages: Stages) -> None:
    import providers
    from artifacts import manifests, toolchain

    stages.run("toolchain", lambda: toolchain.ensure([*providers.tools(), "helm-render"]))
    stages.run("upstream", manifests.ensure)


def _closing(stack: str, stages: Stages, changes: dict[str, int], total: float) -> None:
    from mlp import engine

    values = engine.outputs(stack)
    table = Table(title=f"Stack {stack} is up", title_justify="left", show_header=False, box=None, padding=(0, 2))
    for name, url in values["urls"].items():
        table.add_row(name, url)
    for name, secret in values["credentials"].items():
        table.add_row(f"credentials: {name}", f"Secret {secret['secret']} in namespace {secret['namespace']}")
    for name, team in values["teams"].items():
        secrets = ", ".join(secret["secret"] for secret in team["credentials"].values())
        table.add_row(f"team: {name}", f"Secrets {secrets} in namespace {team['namespace']}")
    if values.get("kubeconfig"):
        table.add_row("kubeconfig", values["kubeconfig"])
    console.print()
    console.print(table)
    changed = sum(count for op, count in changes.items() if op != "same")
    console.print(f"{sum(changes.values())} resources, {changed} changed, {total:.0f} s. Next: mlp status · mlp smoke")
    paths.REPORTS.mkdir(parents=True, exist_ok=True)
    report = {"stack": stack, "seconds": stages.seconds, "total_seconds": round(total, 1), "changes": changes}
    report["state_bytes"] = engine.state_size(stack)
    (paths.REPORTS / f"up-{stack}.json").write_text(json.dumps(report, indent=2) + "\n")


def _example_and_smoke(settings: Settings, stack: str, stages: Stages) -> bool:
    """Train and serve the example, then run the smoke checks; return whether the checks passed.

    When an application that the example needs is off, run only the checks that need no served model.
    """
    from examples.flights import REQUIRES
    from mlp.commands.smoke import run_smoke
    from mlp.commands.workload import run_workload
    from smoke.run import NAMES, QUICK_SECONDS, WITHOUT_A_MODEL

    on = {item.name: item.checks for item in settings.applications}
    missing = [name for name in REQUIRES if name not in on]
    if missing:
        console.print(
            f"Skipping the example: it needs {', '.join(missing)}, which this stack turns off in platform.applications."
        )
    else:
        stages.run("example", lambda: run_workload("flights", stack))
    possible = WITHOUT_A_MODEL if missing else NAMES
    checks = tuple(name for name in possible if any(name in used for used in on.values()))
    return not checks or stages.run("smoke", lambda: run_smoke(stack, checks, seconds=QUICK_SECONDS))


def decisions(settings: Settings, delete: Sequence[str], keep: Sequence[str]) -> Decisions:
    """Return what becomes of the data of removed teams.

    Raises:
        UserError: A team is still in the settings, or both was decided.
    """
    wrong = sorted(({*delete, *keep} & settings.teams.keys()) | ({*delete} & {*keep}))
    if wrong:
        raise UserError(
            "What becomes of a team's data can be decided once, and only for a team that the settings remove.",
            seen=", ".join(wrong),
            allowed=f"a team that is not in mlplatform:teams, which has {', '.join(settings.teams)}",
            next_step="remove the team from the stack file, or leave out the option",
        )
    found: dict[str, Decision] = {}
    for team in delete:
        found[team] = "delete"
    for team in keep:
        found[team] = "keep"
    return found


def command(
    stack: Stack = "local",
    workload: Annotated[
        bool, typer.Option(help="Train and serve the example, then run the smoke checks (local stack only).")
    ] = True,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Refresh the state from cluster and account first; recreate what was deleted."),
    ] = False,
    delete_data_of: Annotated[
        list[str] | None, typer.Option(help="Delete the data of a team that the settings remove; can be repeated.")
    ] = None,
    keep_data_of: Annotated[
        list[str] | None,
        typer.Option(help="Keep the objects in buckets of a team that the settings remove; can be repeated."),
    ] = None,
) -> None:
    """Deploy the platform or update it; a repeated run continues where an earlier one stopped."""
    began = time.monotonic()
    stages = Stages()
    settings = _settings(stack)
    local = settings.substrate == "local"
    (_machine if local else _tools)(stages)

    from mlp import engine

    data = decisions(settings, delete_data_of or [], keep_data_of or [])
    changes = stages.run("platform", lambda: engine.up(stack, refresh=refresh, data=data))
    failed = local and workload and not _example_and_smoke(settings, stack, stages)
    _closing(stack, stages, changes, time.monotonic() - began)
    if failed:
        raise typer.Exit(1)
