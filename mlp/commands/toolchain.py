"""`mlp toolchain`: build and list the programs that are built from Go modules."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from common.progress import console

app = typer.Typer(no_args_is_help=True, help="Build and list the programs that are built from pinned Go modules.")


@app.command()
def build(
    names: Annotated[
        list[str] | None, typer.Argument(help="Tools to build; without an argument all missing tools.")
    ] = None,
) -> None:
    """Build missing tools into the cache folder, which all checkouts share."""
    from artifacts import toolchain

    toolchain.ensure(names or None)
    console.print("All requested tools are built.")


@app.command("list")
def show() -> None:
    """List the tools: version, whether each is built, purpose, and the folder."""
    from artifacts.toolchain import build as builder
    from artifacts.toolchain.catalog import tools

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("tool", "version", "built", "for"):
        table.add_column(heading)
    for name, item in tools().items():
        mark = "[green]✓[/]" if builder.is_built(name) else f"no, about {item.estimate_seconds:.0f} s"
        table.add_row(name, item.version or "this project", mark, item.description)
    console.print(table)
    console.print(f"in {builder.root()}", style="dim", markup=False)
