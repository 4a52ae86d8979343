"""Entry point of the console script `mlp`."""

from __future__ import annotations

import importlib
import os
import sys

import typer

from common.errors import UserError
from common.progress import console

GROUPS = ("cluster", "images", "new", "pipeline", "toolchain", "workload")
"""Commands with subcommands: `mlp cluster start`."""

INTERRUPTED = 130
"""Exit status that Typer sets after Ctrl-C."""

SINGLES = ("up", "preview", "destroy", "status", "smoke", "doctor", "bootstrap", "vendor", "policy", "env")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deploy, inspect, test and destroy the machine-learning platform.",
)


def _register() -> None:
    for name in SINGLES:
        module = importlib.import_module(f"mlp.commands.{name}")
        app.command(name)(module.command)
    for name in GROUPS:
        module = importlib.import_module(f"mlp.commands.{name}")
        app.add_typer(module.app, name=name)


def main() -> None:
    """Run the command line. Print a `UserError` without a traceback and exit with status 1."""
    os.environ.setdefault("FEAST_USAGE", "False")
    _register()
    try:
        app()
    except UserError as error:
        console.print("\n[red]✗[/] ", end="")
        console.print(error.render(), markup=False)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            console.print("\n[yellow]Interrupted.[/] Run the same command again to continue.")
        raise


if __name__ == "__main__":
    main()
