"""`mlp destroy`: delete every resource of a stack."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import UserError
from common.progress import console, step
from mlp.options import Stack


def _remove_user_objects(stack: str) -> None:
    """Delete what users deployed; do nothing for a stack that was never up."""
    from client import platform
    from client.user_objects import remove_user_objects
    from components.applications.catalog import APPLICATIONS

    target = platform.previous(stack)
    if target is None:
        return
    with step("Deleting deployments of users", estimate=15) as current:
        # Objects of every application: one that is off now may have left objects.
        kinds = [kind for item in APPLICATIONS for kind in item.user_objects]
        remove_user_objects(target, kinds, lambda state: setattr(current, "detail", state))


def command(
    stack: Stack = "local",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    forget_cluster: Annotated[
        bool,
        typer.Option(
            "--forget-cluster",
            help="For a cluster that no longer exists: remove its objects from the state, delete all other resources.",
        ),
    ] = False,
) -> None:
    """Delete every resource of a stack; keep the embedded cluster itself (`mlp cluster reset` removes it)."""
    import providers
    from artifacts import toolchain
    from infra.settings import load_stack, stack_file
    from mlp import engine
    from mlp.account import check_account
    from mlp.protection import refuse_while_protected

    settings = load_stack(stack_file(stack))
    local = settings.substrate == "local"
    refuse_while_protected(settings, stack)
    check_account(settings, stack)
    if not (yes or local) and not typer.confirm(f"Delete everything in stack {stack}?", default=False):
        raise UserError("Not confirmed; nothing was deleted.", next_step=f"mlp destroy --stack {stack} --yes")
    toolchain.ensure([*providers.tools(), "helm-render"])
    if local and not forget_cluster:
        _remove_user_objects(stack)
    changes = engine.destroy(stack, forget_cluster=forget_cluster)
    console.print(f"{changes.get('delete', 0)} resources deleted")
