"""`mlp toolchain`: the programs built from Go modules."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from common.progress import console

app = typer.Typer(no_args_is_help=True, help="The programs built from pinned Go modules.")


@app.command()
def build(
    names: Annotated[
        list[str] | None, typer.Argument(help="Tools to build; all that are missing when none is named.")
    ] = None,
) -> None:
    """Build what is missing into the cache folder, shared by all checkouts."""
    from artifacts import toolchain

    toolchain.ensure(names or None)
    console.print("Everything asked for is built.")


@app.command("list")
def show() -> None:
    """List the tools: version, whether each is built, and where."""
    from artifacts.toolchain import build as builder
    from artifacts.toolchain.catalog import tools

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("tool", "version", "built", "for"):
        table.add_column(heading)
    for name, item in tools().items():
        mark = "[green]✓[/]" if builder.is_built(name) else f"no, about {item.estimate_seconds:.0f} s"
        table.add_row(name, item.version or "ours", mark, item.description)
    console.print(table)
    console.print(f"in {builder.root()}", style="dim", markup=False)
