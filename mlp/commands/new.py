"""`mlp new`: start something new from templates."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from common import paths
from common.progress import console

app = typer.Typer(help="Start something new from templates.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Start something new from templates."""


@app.command()
def application(name: Annotated[str, typer.Argument(help="Its name: lower-case letters and digits.")]) -> None:
    """Make the folder of a new application, with its tests and its page, that works from the first moment."""
    from mlp.scaffold.make import changes

    for path, text in changes(name, paths.ROOT).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        console.print(f"  {path.relative_to(paths.ROOT)}", markup=False)
    # A process of its own reads the catalog with the new application in it.
    subprocess.run([sys.executable, "-m", "infra.reference"], cwd=paths.ROOT, check=True)
    console.print(f"  docs/applications/{name}.md", markup=False)
    console.print("Next: make check, then write the description, the component and the guide.")
