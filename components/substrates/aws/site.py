"""Account, region, naming and data protection, which all AWS resources of one environment share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ROLE_CHARACTERS = 64
"""Longest name of a role in IAM."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Account, region and naming of one environment. All names are fixed, so that the first preview knows them.

    Attributes:
        environment: Name of the environment; part of every name.
        account: Account id, 12 digits.
        region: Region, such as `eu-central-1`.
        protect: Whether Pulumi and AWS refuse to delete resources that hold data.
        final_snapshots: Whether databases and Redis keep a final snapshot when they are deleted. Separate from
            `protect`, which must be off before they can be deleted.
    """

    environment: str
    account: str
    region: str
    protect: bool
    final_snapshots: bool

    @property
    def prefix(self) -> str:
        """Return the prefix of every name."""
        return f"mlplatform-{self.environment}"

    def role_name(self, part: str) -> str:
        """Return the prefixed name of a role; one that is too long for IAM ends with a digest instead."""
        name = self.name(part)
        if len(name) <= ROLE_CHARACTERS:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name[: ROLE_CHARACTERS - len(digest) - 1]}-{digest}"

    def name(self, part: str) -> str:
        """Return the prefixed name of a part."""
        return f"{self.prefix}-{part}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource of this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:aws:iam::{self.account}:role/{name}"
