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

SINGLES = ("up", "preview", "destroy", "status", "smoke", "doctor", "bootstrap", "vendor", "policy", "env")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The machine-learning platform: bring it up, look at it, test it, take it down.",
)


def _register() -> None:
    for name in SINGLES:
        module = importlib.import_module(f"mlp.commands.{name}")
        app.command(name)(module.command)
    for name in GROUPS:
        module = importlib.import_module(f"mlp.commands.{name}")
        app.add_typer(module.app, name=name)


def main() -> None:
    """Run the command line; a `UserError` is shown without a traceback and ends with status 1."""
    os.environ.setdefault("FEAST_USAGE", "False")
    _register()
    try:
        app()
    except UserError as error:
        console.print("\n[red]✗[/] ", end="")
        console.print(error.render(), markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\n[yellow]Interrupted.[/] Run the same command again: it goes on from here.")
        sys.exit(130)


if __name__ == "__main__":
    main()
