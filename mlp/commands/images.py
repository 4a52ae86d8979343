"""`mlp images`: build, list, load, push and pin the platform's own container images."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Build the platform's container images and load them into the cluster.", no_args_is_help=True)

Names = Annotated[
    list[str] | None, typer.Argument(help="Images; without an argument all images that the platform runs.")
]


@app.command()
def build(names: Names = None) -> None:
    """Build missing images; skip an image whose inputs have not changed."""
    from artifacts import images
    from common import progress

    images.ensure(names or None)
    progress.console.print("every image is built", style="green")


@app.command()
def load(names: Names = None) -> None:
    """Import the built images that are missing in the running cluster."""
    from artifacts import images
    from common import progress

    images.load(names or None)
    progress.console.print("the cluster has every image", style="green")


@app.command()
def outdated() -> None:
    """List the Debian packages of images that have updates; exit with status 1 when there are any. Change nothing."""
    from artifacts.images import mirror
    from common import progress

    found = mirror.outdated()
    for line in found:
        progress.console.print(line, markup=False)
    if found:
        progress.console.print(f"{len(found)} packages have updates. Next: mlp images update", style="yellow")
        raise typer.Exit(1)
    progress.console.print("every Debian package is up to date", style="green")


@app.command()
def update() -> None:
    """Update the Debian packages of the images; a changed image gets a new tag and is built again."""
    from artifacts.images import mirror
    from common import progress

    changed = mirror.update()
    for line in changed:
        progress.console.print(line, markup=False)
    after = "Next: mlp up, or mlp images build" if changed else "Nothing to build."
    progress.console.print(f"{len(changed)} packages changed. {after}", style="green")


@app.command()
def push(stack: Annotated[str, typer.Option("--stack", "-s", help="A stack on AWS.")]) -> None:
    """Push the images that are missing in a stack's registry, and record their digests in the stack's folder."""
    from artifacts.images import pushed
    from artifacts.images.push import Registry, push_upstream
    from artifacts.images.push import push as push_images
    from common.progress import console
    from components.substrates.aws.upstream_images import upstream_copies
    from infra.image_references import pulled
    from infra.settings import load_stack, stack_file
    from mlp.account import check_account, ecr_login, on_aws

    settings = load_stack(stack_file(stack))
    refusal = f"Stack {stack} has no registry: its images are loaded into the node."
    aws = on_aws(settings, refusal, next_step="mlp images load")
    names, url = pulled(settings, aws)
    registry = Registry(url)
    if settings.registry is None:
        check_account(settings, stack)
        registry = Registry(url, *ecr_login(aws.region))
    there, new = push_images(names, registry)
    # A stack without the setting `registry` pulls upstream images from upstream.
    if settings.registry is not None:
        new += push_upstream([(copy.source, copy.target) for copy in upstream_copies(url)], registry)
    file = pushed.path(settings.environment)
    pushed.write(file, url, there)
    console.print(f"{len(new)} images pushed to {url}", style="green")
    console.print(
        f"Next: commit {file.relative_to(file.parent.parent)}; the stack deploys the images in it.", markup=False
    )


@app.command("list")
def list_() -> None:
    """List every image: reference, whether it is built, size, build time, description."""
    from rich.table import Table

    from artifacts.images import debian, store
    from artifacts.images.catalog import catalog
    from artifacts.images.tags import reference
    from common import progress

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
    if (known := debian.lock()) is not None:
        progress.console.print(f"Debian package lists: {known.generation} ({known.age_days} days old)")


@app.command()
def packages(name: Annotated[str, typer.Argument(help="A built image.")]) -> None:
    """List the Debian packages inside a built image, with their versions."""
    from artifacts.images import contents, store
    from common import progress
    from common.errors import UserError

    record = store.find(name)
    if record is None:
        raise UserError(f"Image {name} is not built.", next_step=f"mlp images build {name}")
    for package, version in sorted(contents.packages(record.digest).items()):
        progress.console.print(f"{package} {version}", markup=False)


@app.command()
def lock() -> None:
    """Compile every image's requirements.in to requirements.txt again."""
    from artifacts.images.lock import lock as pin
    from common import progress

    progress.console.print(f"pinned: {', '.join(pin())}")
