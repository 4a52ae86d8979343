"""`mlp preview`: show what an update would change."""

from __future__ import annotations

from typing import Annotated

import typer

from common.progress import console
from mlp.options import Stack


def command(
    stack: Stack = "local",
    diff: Annotated[bool, typer.Option(help="Also print the engine's full diff.")] = False,
    emulate: Annotated[
        bool, typer.Option(help="Preview a new stack on AWS against an emulated, empty account on this machine.")
    ] = False,
) -> None:
    """Show what an update would change; change nothing. Needs no cluster."""
    from contextlib import nullcontext

    import providers
    from artifacts import images, manifests, toolchain
    from infra.settings import load_stack, stack_file
    from mlp import engine
    from mlp.account import check_account
    from mlp.emulated import emulated_account

    settings = load_stack(stack_file(stack))
    with emulated_account(settings) if emulate else nullcontext():
        check_account(settings, stack)
        toolchain.ensure([*providers.tools(), "helm-render"])
        manifests.ensure()
        if settings.local is not None:
            images.resolve()  # so that a preview and the update that follows name the same images
        changes = engine.preview(stack, diff=diff)
    console.print(", ".join(f"{count} {op}" for op, count in sorted(changes.items())) or "no resources")
