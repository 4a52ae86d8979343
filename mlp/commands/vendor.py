"""`mlp vendor`: fetch, verify and render upstream manifests."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    components: Annotated[list[str] | None, typer.Argument(help="Components; without an argument all.")] = None,
    update_pins: Annotated[
        bool,
        typer.Option("--update-pins", help="Accept the rendered manifests: rewrite artifacts/manifests/lock.yaml."),
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            envvar="MLP_UPSTREAM_MIRROR",
            help="Base URL or folder, in the layout of a Go module proxy, that replaces every source.",
        ),
    ] = None,
) -> None:
    """Render pinned upstream manifests into .mlp/upstream/ and check their digests."""
    from artifacts import manifests
    from artifacts.manifests.pins import pins
    from common.progress import console

    done = manifests.ensure(components or None, update=update_pins, mirror=mirror)
    for name in components or pins().components:
        shown = manifests.rendered(name)
        console.print(
            f"{name} {shown.version}: {len(shown.objects)} objects, CRDs {shown.crds_path.stat().st_size / 1000:.0f} kB"
            f"{'' if name in done else ' (already rendered)'}"
        )
