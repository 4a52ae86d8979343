"""`mlp doctor`: check whether this machine can run the platform, and how to correct what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from common.progress import console


def command(as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False) -> None:
    """Check whether this machine can run the platform; change nothing; exit with status 1 when it cannot."""
    from artifacts import toolchain
    from artifacts.packages import debian as packages
    from artifacts.toolchain import go
    from node.machine.checks import examine, inspect_machine
    from node.machine.needs import needs

    wanted = needs()
    results = examine(inspect_machine(wanted), wanted)
    failed = [result for result in results if not result.ok]
    if as_json:
        console.print_json(json.dumps([asdict(result) for result in results]))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "check", "seen", "needed"):
            table.add_column(heading, overflow="fold")
        for result in results:
            mark = "[green]✓[/]" if result.ok else "[red]✗[/]"
            table.add_row(mark, result.check, escape(result.seen), "" if result.ok else escape(result.needed))
        console.print(table)
        for result in failed:
            console.print(f"[red]✗[/] {result.check}: {escape(result.seen)}. To fix it: {escape(result.fix)}")
        if not failed:
            absent = packages.missing()
            tools = [item.name for item in toolchain.missing()]
            console.print(f"\nThis machine can run the platform. Go: {go.choose().version}.")
            console.print(f"mlp up will install: {', '.join(absent) or 'no system package'}", markup=False)
            console.print(f"mlp up will build: {', '.join(tools) or 'no tool'}", markup=False)
    if failed:
        raise typer.Exit(1)
