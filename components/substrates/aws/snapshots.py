"""Final snapshots of stores that are deleted."""

from __future__ import annotations

import pulumi
import pulumi_random as random

from components.substrates.aws.site import Site


def final_snapshot(name: str, site: Site, store: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    """Return the name of a store's final snapshot; None if final snapshots are off.

    Args:
        name: Name of the store's resource.
        site: Account, region and names.
        store: Identifier of the store.
        opts: Options of which only the parent is used.
    """
    # AWS refuses a name in use, and the snapshots of an earlier environment of the same name may still exist.
    life = random.RandomId(f"{name}-final", byte_length=4, opts=pulumi.ResourceOptions(parent=opts.parent))
    return pulumi.Output.concat(store, "-final-", life.hex) if site.final_snapshots else None
