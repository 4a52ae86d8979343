"""`mlp destroy`: take the platform down."""

from __future__ import annotations

from typing import Annotated

import typer

from mlp.errors import UserError
from mlp.options import Stack
from mlp.progress import console


def command(
    stack: Stack = "local",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete every resource of a stack; the embedded cluster itself stays (`mlp cluster reset` removes it)."""
    from infra.settings import load_stack
    from local import toolchain
    from mlp import engine
    from mlp.engine.workspace import stack_file

    local = getattr(load_stack(stack_file(stack)), "substrate", None) == "local"
    if not (yes or local) and not typer.confirm(f"Delete everything in stack {stack}?", default=False):
        raise UserError("Nothing was deleted.", next_step=f"mlp destroy --stack {stack} --yes")
    toolchain.ensure(["pulumi", "helm-render"])
    if local:
        from workloads.flights.deploy import undeploy

        undeploy(stack)
    changes = engine.destroy(stack)
    console.print(f"{changes.get('delete', 0)} resources deleted")
