"""`mlp workload`: run an example workload on the platform, from raw data to a deployed model."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import UserError
from common.progress import console
from mlp.options import Stack, Team

NAMES = ("flights",)

app = typer.Typer(no_args_is_help=True, help="Run a workload: data, features, model, deployment.")


def _load_image(reference: str) -> None:
    """Build the image of workload jobs and load it into the embedded cluster."""
    from artifacts.images import ensure, load

    ensure(["job"])
    load(["job"])
    console.print(f"image {reference}", style="dim", markup=False)


def run_workload(name: str, stack: str, team: str | None = None) -> None:
    """Run workload `name` for a team of `stack`; return quickly when the deployed model is up to date.

    Raises:
        UserError: The workload does not exist, the stack is not up, or a step failed.
    """
    from client import platform
    from examples.flights.delivery import deliver

    if name not in NAMES:
        raise UserError("This workload does not exist.", seen=name, allowed=", ".join(NAMES))
    target = platform.load(stack, team=team)
    local = target.outputs["environment"] == "local"
    champion = deliver(target, prepare_image=_load_image) if local else deliver(target)
    url = f"{target.serving_url(name)}/v1/models/{name}:predict"
    console.print(f"{champion.name} version {champion.version} answers at {url}", markup=False)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help=f"Workload: {', '.join(NAMES)}.")],
    stack: Stack = "local",
    team: Team = None,
) -> None:
    """Load data, build features, train, register and deploy; skip steps whose results are up to date."""
    run_workload(name, stack, team)


@app.command()
def challenge(
    name: Annotated[str, typer.Argument(help=f"Workload: {', '.join(NAMES)}.")],
    stack: Stack = "local",
    team: Team = None,
    alias: Annotated[str, typer.Option(help="Alias of the version to deploy.")] = "challenger",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Delete the challenger's deployment instead.")] = False,
) -> None:
    """Deploy a challenger beside the champion, at serving/TEAM/NAME-challenger."""
    from client import platform
    from common.progress import step
    from examples.flights import delivery

    if name not in NAMES:
        raise UserError("This workload does not exist.", seen=name, allowed=", ".join(NAMES))
    target = platform.load(stack, team=team)
    if withdraw:
        delivery.withdraw(target)
        console.print("the deployment of the challenger is deleted")
        return
    with step(f"{name}: deploying {alias}", estimate=30) as running:

        def note(state: str) -> None:
            running.detail = state

        version = delivery.challenge(target, alias, note)
    service = f"{name}-challenger"
    url = f"{target.serving_url(service)}/v1/models/{service}:predict"
    console.print(f"{version.name} version {version.version} answers at {url}", markup=False)
