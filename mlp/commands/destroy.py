"""`mlp destroy`: take the platform down."""

from __future__ import annotations

from typing import Annotated

import typer

from mlp import paths
from mlp.errors import UserError
from mlp.options import Stack
from mlp.progress import console, step


def _remove_deployments(stack: str) -> None:
    """Delete what users deployed; a stack that never came up has nothing."""
    from workloads import platform
    from workloads.removal import remove_deployments

    if not (paths.WORK / "outputs" / f"{stack}.json").is_file():
        return
    with step("Deployments of users", estimate=15) as current:
        remove_deployments(platform.load(stack), lambda state: setattr(current, "detail", state))


def command(
    stack: Stack = "local",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    forget_cluster: Annotated[
        bool,
        typer.Option(
            "--forget-cluster", help="The cluster is gone for good: forget what was in it, delete what is elsewhere."
        ),
    ] = False,
) -> None:
    """Delete every resource of a stack; the embedded cluster itself stays (`mlp cluster reset` removes it)."""
    from infra.settings import load_stack
    from local import plugins, toolchain
    from mlp import engine
    from mlp.account import check_account
    from mlp.engine.workspace import stack_file
    from mlp.protection import refuse_while_protected

    settings = load_stack(stack_file(stack))
    local = settings.substrate == "local"
    refuse_while_protected(settings, stack)
    check_account(settings, stack)
    if not (yes or local) and not typer.confirm(f"Delete everything in stack {stack}?", default=False):
        raise UserError("Nothing was deleted.", next_step=f"mlp destroy --stack {stack} --yes")
    toolchain.ensure([*plugins.tools(), "helm-render"])
    if local and not forget_cluster:
        _remove_deployments(stack)
    changes = engine.destroy(stack, forget_cluster=forget_cluster)
    console.print(f"{changes.get('delete', 0)} resources deleted")
