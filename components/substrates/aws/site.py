"""What every AWS resource of one environment shares: account, region, names, and whether data is protected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Site:
    """One environment's place on AWS. All names are fixed, so that a first preview knows them.

    Attributes:
        environment: Name of the environment; part of every name.
        account: Account id, 12 digits.
        region: Region, such as `eu-central-1`.
        protect: Whether resources that hold data refuse to be deleted, by Pulumi and by AWS.
        final_snapshots: Whether databases and Redis leave a last snapshot when they go; apart from `protect`, which is
            off by the time that anything can go.
    """

    environment: str
    account: str
    region: str
    protect: bool
    final_snapshots: bool

    @property
    def prefix(self) -> str:
        """Return what every name begins with."""
        return f"mlplatform-{self.environment}"

    def name(self, part: str) -> str:
        """Return the name of a part."""
        return f"{self.prefix}-{part}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource of this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:aws:iam::{self.account}:role/{name}"
