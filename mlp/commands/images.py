"""`mlp images`: build, list, load and pin the platform's own container images."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Build the platform's container images, and hand them to the cluster.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Images; all that the platform runs when none is given.")]


@app.command()
def build(names: Names = None) -> None:
    """Build what is missing; an image whose inputs did not change is left alone."""
    import images
    from mlp import progress

    images.ensure(names or None)
    progress.console.print("every image is built", style="green")


@app.command()
def load(names: Names = None) -> None:
    """Import the built images that the running cluster lacks."""
    import images
    from mlp import progress

    images.load(names or None)
    progress.console.print("the cluster has every image", style="green")


@app.command()
def push(stack: Annotated[str, typer.Option("--stack", "-s", help="A stack on AWS.")]) -> None:
    """Push the built images that a stack's registry lacks; without one of its own, that is the account's ECR."""
    from images.push import Registry
    from images.push import push as push_images
    from infra.settings import load_stack
    from infra.substrates import pushed_images
    from mlp.account import check_account, ecr_login
    from mlp.engine.workspace import stack_file
    from mlp.errors import UserError
    from mlp.progress import console

    settings = load_stack(stack_file(stack))
    if settings.aws is None:
        raise UserError(
            f"Stack {stack} pulls nothing: its images are loaded into the node.", next_step="mlp images load"
        )
    names, url = pushed_images(settings, settings.aws)
    registry = Registry(url)
    if settings.registry is None:
        check_account(settings, stack)
        registry = Registry(url, *ecr_login(settings.aws.region))
    pushed = push_images(names, registry)
    console.print(f"{len(pushed)} of {len(names)} images were new to {url}", style="green")


@app.command("list")
def list_() -> None:
    """List every image with its reference, size, build time, and whether it is built."""
    from rich.table import Table

    from images import store
    from images.catalog import catalog
    from images.inputs import reference
    from mlp import progress

    table = Table("image", "reference", "built", "MB", "own MB", "build s", "what", box=None)
    for name, image in catalog().images.items():
        record = store.find(name)
        figures = (
            ["yes", f"{record.bytes / 1e6:.0f}", f"{record.own_bytes / 1e6:.0f}", f"{record.seconds:.0f}"]
            if record
            else ["no", "", "", ""]
        )
        table.add_row(name, reference(name), *figures, image.description)
    progress.console.print(table, soft_wrap=False)


@app.command()
def lock() -> None:
    """Resolve every image's requirements.in anew into requirements.txt, for whoever changes them."""
    from images.lock import lock as pin
    from mlp import progress

    progress.console.print(f"pinned: {', '.join(pin())}")
