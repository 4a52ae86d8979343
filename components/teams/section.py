"""Settings of a team, and the rules for the names of teams."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from components.kubernetes import quantities
from components.section import Section, Size, refused
from components.teams.team import Quota, Team

NAME = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]")
NAME_RULE = "a name of 2 to 30 lower-case letters, digits and hyphens that begins with a letter and ends with no hyphen"

Cores = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?m?$")]
Bytes = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(M|G|T|Mi|Gi|Ti)$")]


class QuotaSection(Section):
    """What the pods and volumes of a team may request together."""

    cpu: Cores = Field(description='CPU requests of all pods, for example "8"')
    memory: Bytes = Field(description="memory requests of all pods, for example 32Gi; also the limit of one container")
    gpu: int = Field(default=0, ge=0, description="GPUs of all pods")
    volumes: Bytes = Field(description="size of all volumes, for example 100Gi")


class TeamSection(Section):
    """A team. Its key is the name of its namespace and of its folders in the buckets."""

    quota: QuotaSection
    members: tuple[str, ...] = Field(default=(), strict=False, description="users and groups that belong to the team")
    defaults: Size = Field(
        default=Size(cpu="50m", memory="256Mi", cpu_limit="2", memory_limit="2Gi"),
        description="requests and limits of a container that sets none; default: 50m CPU and 256Mi, at most 2 and 2Gi",
    )

    @field_validator("members")
    @classmethod
    def _members_are_names(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for place, name in enumerate(members):
            if not name.strip() or name != name.strip():
                raise ValueError(f"names of users and groups without blanks around them; not {name!r}")
            if name in members[:place]:
                raise ValueError(f"each user or group once; {name} is listed twice")
        return members

    @model_validator(mode="after")
    def _a_container_fits(self) -> TeamSection:
        for name, quota, least, of in (
            ("cpu", self.quota.cpu, self.defaults.cpu, "cpu"),
            ("memory", self.quota.memory, self.defaults.memory_limit, "memory_limit"),
        ):
            if quantities.value(quota) < quantities.value(least):
                raise refused(f"quota.{name}", quota, f"at least {least}, which is defaults.{of} of the team")
        return self

    def team(self, name: str) -> Team:
        """Return the team that the section describes."""
        return Team(name=name, quota=Quota(**self.quota.model_dump()), members=self.members)


def wrong_name(teams: Mapping[str, object], taken: Mapping[str, str]) -> PydanticCustomError | None:
    """Return the error of the first team whose name cannot be used; None when all can.

    Args:
        teams: Teams by name.
        taken: Names that no team may have, each with what has it: `the namespace of application mlflow`.
    """
    for name in teams:
        allowed = _refusal(name, teams, taken)
        if allowed is not None:
            return refused(name, f"a team {name!r}", allowed)
    return None


def _refusal(name: str, teams: Collection[str], taken: Mapping[str, str]) -> str | None:
    """Return what is allowed instead of a name; None when the name can be used."""
    if not NAME.fullmatch(name):
        return NAME_RULE
    if name in taken:
        return f"another name; {name} is {taken[name]}"
    if name.startswith("kube-"):
        return "a name that does not begin with kube-, which Kubernetes reserves for its own namespaces"
    # The keys of a project in Redis end with its name, and a Redis user is limited to keys by their end.
    longer = next((other for other in teams if other != name and other.endswith(name)), None)
    if longer is not None:
        return f"a name that no other team's name ends with; {longer} ends with {name}"
    return None
