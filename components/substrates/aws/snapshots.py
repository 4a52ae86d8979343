"""Last snapshots of stores that are removed."""

from __future__ import annotations

import pulumi
import pulumi_random as random

from components.substrates.aws.site import Site


def final_snapshot(name: str, site: Site, store: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    """Return the name of a store's last snapshot; None where it leaves none.

    Args:
        name: Name of the store's resource.
        site: Where.
        store: Identifier of the store.
        opts: Of which the parent counts.
    """
    # AWS refuses a name that is taken, and an environment that is made anew finds the snapshots of its earlier lives.
    life = random.RandomId(f"{name}-final", byte_length=4, opts=pulumi.ResourceOptions(parent=opts.parent))
    return pulumi.Output.concat(store, "-final-", life.hex) if site.final_snapshots else None
