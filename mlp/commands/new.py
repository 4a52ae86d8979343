"""`mlp new`: create a new application from templates."""

from __future__ import annotations

import subprocess
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
    from mlp.scaffold.render import changes

    for path, text in changes(name, paths.ROOT).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        console.print(f"  {path.relative_to(paths.ROOT)}", markup=False)
    # A new process is needed to import the catalog with the new application.
    subprocess.run([sys.executable, "-m", "infra.pages"], cwd=paths.ROOT, check=True)
    console.print(f"  docs/applications/{name}.md", markup=False)
    console.print("Next: make check, then write the description, the component and the guide.")
