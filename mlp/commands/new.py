"""`mlp new`: create a new application from templates."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from common import paths
from common.progress import console

app = typer.Typer(help="Create a new application from templates.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Create a new application from templates."""


@app.command()
def application(
    name: Annotated[str, typer.Argument(help="Name of the application: lower-case letters and digits.")],
) -> None:
    """Create the folder, the tests and the page of a new application; the result passes `make check`."""
    from mlp.scaffold.render import all_or_nothing, changes, page, run, tidied

    changed = changes(name, paths.ROOT)
    generated = [paths.ROOT / page(name), paths.ROOT / "docs" / "settings.md"]
    with all_or_nothing([*changed, *generated]):
        for path, text in changed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        tidied(changed, paths.ROOT)
        # A new process is needed to import the catalog with the new application.
        run([sys.executable, "-m", "infra.pages"], paths.ROOT)
    for path in [*changed, *generated]:
        console.print(f"  {path.relative_to(paths.ROOT)}", markup=False)
    console.print("Next: make check, then write the description, the component and the guide.")
