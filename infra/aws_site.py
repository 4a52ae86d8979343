"""Where an environment on AWS is: account, region and the rules for its data."""

from __future__ import annotations

from components.substrates.aws.site import Site
from infra.aws.schema import Aws
from infra.schema import Settings


def site_of(settings: Settings, aws: Aws) -> Site:
    """Return where the environment is."""
    return Site(
        environment=settings.environment,
        account=aws.account_id,
        region=aws.region,
        protect=aws.protect_data,
        final_snapshots=aws.final_snapshots,
    )
