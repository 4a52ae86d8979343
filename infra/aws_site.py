"""Account, region and data protection of an environment on AWS, from its settings."""

from __future__ import annotations

from components.substrates.aws.site import Site
from infra.aws.schema import Aws
from infra.schema import Settings


def site_of(settings: Settings, aws: Aws) -> Site:
    """Return the environment's account, region and data protection."""
    return Site(
        environment=settings.environment,
        account=aws.account_id,
        region=aws.region,
        protect=aws.protect_data,
        final_snapshots=aws.final_snapshots,
    )
