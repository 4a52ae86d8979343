"""A team, its identities, and the grants that follow from what applications request for each team.

This module does not import Pulumi, so that descriptions of applications load quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from components.substrates.requests import BucketPurpose, Grant

Identity = Literal["pipeline-runner", "serving", "jobs", "notebooks"]
IDENTITIES: tuple[Identity, ...] = get_args(Identity)
"""ServiceAccounts of every team: steps of pipelines, predictors, jobs, notebooks."""

DIVIDED: tuple[BucketPurpose, ...] = ("raw", "features", "pipelines")
"""Buckets in which a team's folder has its name."""

WORKSPACES = "workspaces"
"""Folder of the bucket `models` with the teams' folders; MLflow's name, which keeps each workspace in its own."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What the pods and volumes of a team may request together, as Kubernetes quantities.

    Attributes:
        cpu: CPU.
        memory: Memory.
        gpu: GPUs.
        volumes: Size of all volumes.
    """

    cpu: str
    memory: str
    gpu: int
    volumes: str


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team of the platform.

    Attributes:
        name: Its name, which is also the name of its namespace and of its folders in buckets.
        quota: What its pods and volumes may request together.
        members: Users and groups that belong to it.
    """

    name: str
    quota: Quota
    members: Sequence[str] = ()

    @property
    def namespace(self) -> str:
        """Return the team's namespace."""
        return self.name

    @property
    def prefix(self) -> str:
        """Return the beginning of the keys of the team's objects in every bucket of DIVIDED."""
        return f"{self.name}/"

    def folder(self, purpose: BucketPurpose) -> str:
        """Return the beginning of the keys of the team's objects in a bucket."""
        return self.prefix if purpose in DIVIDED else f"{WORKSPACES}/{self.prefix}"

    def access(self, identity: Identity) -> str:
        """Return the name of an identity's access in `ObjectStore.access`."""
        return f"{self.name}-{identity}"


@dataclass(frozen=True, kw_only=True)
class TeamGrant:
    """A request of an application for access of every team to the team's folder in buckets.

    Attributes:
        identity: ServiceAccount that gets the access.
        read_write: Purposes of the buckets it may read, write and list.
        read_only: Purposes of the buckets it may read and list.
    """

    identity: Identity
    read_write: Sequence[BucketPurpose] = ()
    read_only: Sequence[BucketPurpose] = ()


BASE_GRANTS = (
    TeamGrant(identity="jobs", read_write=DIVIDED),
    TeamGrant(identity="notebooks", read_write=("raw", "features"), read_only=("pipelines",)),
)
"""Grants that no application requests: a team works on its own data."""


def grants(team: Team, requested: Sequence[TeamGrant]) -> list[Grant]:
    """Return the team's grants, one of an identity for each name of its folders.

    Args:
        team: The team.
        requested: Grants that applications request for every team, in addition to BASE_GRANTS.
    """
    found: list[Grant] = []
    for identity in IDENTITIES:
        own = [grant for grant in (*BASE_GRANTS, *requested) if grant.identity == identity]
        written = {purpose for grant in own for purpose in grant.read_write}
        read = {purpose for grant in own for purpose in grant.read_only} - written
        for prefix in sorted({team.folder(purpose) for purpose in written | read}):
            read_write = tuple(sorted(purpose for purpose in written if team.folder(purpose) == prefix))
            read_only = tuple(sorted(purpose for purpose in read if team.folder(purpose) == prefix))
            found.append(
                Grant(
                    application=team.access(identity),
                    namespace=team.namespace,
                    service_account=identity,
                    read_write=read_write,
                    read_only=read_only,
                    prefix=prefix,
                )
            )
    return found
