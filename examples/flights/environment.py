"""Reads a step's settings from environment variables: buckets, object store, Feast's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from examples.flights.bucket import Folder

WORKLOAD = "flights"
"""Folder of this workload in the folders of the team."""


def folder(team: str) -> str:
    """Return the folder of this workload in every bucket, without a trailing slash."""
    return f"{team}/{WORKLOAD}"


class MissingVariableError(Exception):
    """An environment variable that a step needs is not set; the text names the variable and what sets it."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Settings of a step.

    Attributes:
        team: Team that the step works for; its folder in the buckets.
        raw_bucket: Bucket of the raw tables.
        features_bucket: Bucket of the feature tables.
        endpoint: URL of an S3 service other than AWS; None on AWS.
        feast_config: Path of Feast's `feature_store.yaml`.
        git_commit: Commit that the code was built from; None when unknown.
    """

    team: str
    raw_bucket: str
    features_bucket: str
    endpoint: str | None
    feast_config: Path
    git_commit: str | None

    @property
    def raw(self) -> Folder:
        """Folder of the raw tables."""
        return Folder(self.raw_bucket, folder(self.team), self.endpoint)

    @property
    def features(self) -> Folder:
        """Folder of the feature tables."""
        return Folder(self.features_bucket, folder(self.team), self.endpoint)

    @property
    def features_address(self) -> str:
        """Base address of the feature tables."""
        return f"s3://{self.features_bucket}/{folder(self.team)}"


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment.

    Raises:
        MissingVariableError: A required variable is not set.
    """
    missing = [name for name in ("TEAM", "RAW_BUCKET", "FEATURES_BUCKET") if not environ.get(name)]
    if missing:
        raise MissingVariableError(
            f"{' and '.join(missing)} not set; in the cluster the ConfigMap `platform` of the namespace sets them"
        )
    return Environment(
        team=environ["TEAM"],
        raw_bucket=environ["RAW_BUCKET"],
        features_bucket=environ["FEATURES_BUCKET"],
        endpoint=environ.get("AWS_ENDPOINT_URL") or None,
        feast_config=Path(environ.get("FEAST_CONFIG") or "/etc/feast/feature_store.yaml"),
        git_commit=environ.get("GIT_COMMIT") or None,
    )
