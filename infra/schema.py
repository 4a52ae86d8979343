"""Settings of a stack: an immutable model that refuses unknown keys and checks rules between fields."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, create_model, model_validator

from components.applications.catalog import APPLICATIONS
from components.applications.checks import missing_requirements, taken_by_applications
from components.applications.description import AnyApplication, Application
from components.kubernetes import quantities
from components.section import Problem, Quantity, Section, Size, refused, refused_together
from components.teams.section import TeamSection, wrong_name
from components.teams.team import Team
from infra.aws.schema import Aws

S = TypeVar("S", bound=Section)

SUBSTRATES = ("local", "aws")
"""Values of `substrate`; the section of that name describes it."""

REDIS_HEADROOM = 0.75
"""Share of Redis' memory limit for data; rewriting the append-only file needs the rest for copied pages."""


class Server(Section):
    """A server of the local substrate: its volume and its size."""

    volume: Quantity = Field(description="size of its volume, for example 10Gi; used only when the volume is created")
    size: Size


class RedisServer(Server):
    """Redis of the local substrate."""

    max_memory_mib: int = Field(
        ge=16, description="data in MiB above which Redis refuses writes; at most 75 % of its memory limit"
    )

    @model_validator(mode="after")
    def _data_fits(self) -> RedisServer:
        most = int(quantities.value(self.size.memory_limit) * REDIS_HEADROOM / 2**20)
        if self.max_memory_mib > most:
            raise ValueError(
                f"max_memory_mib of at most {most}, {REDIS_HEADROOM:.0%} of size.memory_limit"
                f" {self.size.memory_limit}; it is {self.max_memory_mib}"
            )
        return self


class ObjectStoreServer(Server):
    """S3 gateway of the local substrate."""

    cluster_ip: IPv4Address = Field(
        strict=False, description="fixed address in the cluster's service range; presigned URLs contain it"
    )


class Local(Section):
    """The local substrate."""

    kubeconfig: str | None = Field(
        default=None, description="path; by default the kubeconfig of this checkout's cluster"
    )
    storage_class: str = Field(description="StorageClass of all volumes; used only when a volume is created")
    gateway_cluster_ip: IPv4Address = Field(strict=False, description="fixed address of the Gateway")
    postgres: Server
    mysql: Server
    redis: RedisServer
    object_store: ObjectStoreServer


class Upstream(Section):
    """Source of upstream software."""

    mirror: str | None = Field(
        default=None, description="folder or base URL that replaces the sources of upstream's manifests"
    )


class Budgets(Section):
    """Latency budgets of serving at the 99th percentile, in milliseconds, and the age of features."""

    feature_ms: float = Field(gt=0, description="fetching features")
    predict_ms: float = Field(gt=0, description="computing the prediction")
    total_ms: float = Field(gt=0, description="the whole request, measured by the client")
    freshness_seconds: float = Field(
        default=3600, gt=0, description="largest age of an online feature after materialization, in seconds"
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Budgets:
        for name, part in (("feature_ms", self.feature_ms), ("predict_ms", self.predict_ms)):
            if part > self.total_ms:
                raise ValueError(f"{name} of at most total_ms; {part:g} is more than {self.total_ms:g}")
        return self


def _known(names: dict[str, bool]) -> dict[str, bool]:
    known = [item.name for item in APPLICATIONS]
    for name in names:
        if name not in known:
            raise ValueError(f"names of applications: {', '.join(known)}; {name} is not an application")
    return names


def _named(teams: dict[str, TeamSection]) -> dict[str, TeamSection]:
    if not teams:
        raise ValueError('at least one team, such as `data-science: {quota: {cpu: "4", memory: 8Gi, volumes: 20Gi}}`')
    wrong = wrong_name(teams, taken_by_applications(APPLICATIONS))
    if wrong is not None:
        raise wrong
    return teams


class Platform(Section):
    """Selection of applications."""

    applications: Annotated[dict[str, bool], AfterValidator(_known)] = Field(
        default_factory=dict, description="`true` or `false` by application; an application that is not listed is on"
    )


class Settings(Section):
    """All settings of a stack, except the sections of the applications."""

    environment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,19}$")] = Field(
        description="name of the environment; part of every name on AWS"
    )
    substrate: Literal["local", "aws"] = Field(
        description="infrastructure that the platform runs on; the section of that name describes it"
    )
    registry: str | None = Field(default=None, description="registry and path from which all images are pulled")
    upstream: Upstream = Upstream()
    platform: Platform = Platform()
    local: Local | None = None
    aws: Aws | None = None
    budgets: Budgets
    teams: Annotated[dict[str, TeamSection], AfterValidator(_named)] = Field(
        description="teams by name; the name is the team's namespace and its folder in buckets"
    )
    default_team: str | None = Field(
        default=None, description="team that commands work for unless they name another; default: the first by name"
    )

    @property
    def described_teams(self) -> tuple[Team, ...]:
        """The default team, then the others by name. The engine does not keep the order of the stack file."""
        first = self.default_team or min(self.teams)
        return tuple(self.teams[name].team(name) for name in (first, *sorted(self.teams.keys() - {first})))

    @property
    def applications(self) -> tuple[AnyApplication, ...]:
        """Applications that are on, in the order in which they are declared."""
        return tuple(item for item in APPLICATIONS if self.platform.applications.get(item.name, True))

    def of(self, application: Application[S]) -> S:
        """Return the section of an application that is on."""
        return getattr(self, application.name)

    @model_validator(mode="after")
    def _sections_fit(self) -> Settings:
        problems = section_problems({**dict(self), "platform": self.platform.model_dump()})
        if problems:
            raise refused_together(problems)
        return self

    @model_validator(mode="after")
    def _default_team_exists(self) -> Settings:
        if self.default_team is not None and self.default_team not in self.teams:
            raise refused("default_team", self.default_team, f"a team of `teams`: {', '.join(self.teams)}")
        return self

    @model_validator(mode="after")
    def _requirements_are_on(self) -> Settings:
        on = {item.name for item in self.applications}
        needed_by: dict[str, list[str]] = {}
        for name, missing in missing_requirements(APPLICATIONS, on).items():
            for required in missing:
                needed_by.setdefault(required, []).append(name)
        problems = [
            Problem(
                f"platform.applications.{required}", "false", f"true, or turn off what requires it: {', '.join(names)}"
            )
            for required, names in needed_by.items()
        ]
        if problems:
            raise refused_together(problems)
        return self

    @model_validator(mode="after")
    def _production_survives_a_node(self) -> Settings:
        if self.aws is not None and self.aws.tier == "production":
            if self.aws.decommission not in (None, self.environment):
                raise refused("aws.decommission", self.aws.decommission, f"{self.environment}, the environment's name")
            for item in self.applications:
                replicas = getattr(self.of(item), "replicas", None)
                if replicas is not None and replicas < 2:
                    raise refused(f"{item.name}.replicas", replicas, "at least 2 in production (aws.tier)")
        return self


def section_problems(values: Mapping[str, object]) -> list[Problem]:
    """Return the sections that are missing, and that of a substrate that the stack does not run on.

    Args:
        values: Value by key of the settings; apart from the sections they need not be valid.
    """
    problems: list[Problem] = []
    chosen = values.get("substrate")
    for name in SUBSTRATES if chosen in SUBSTRATES else ():
        present = values.get(name) is not None
        if name == chosen and not present:
            problems.append(Problem(name, "nothing", f"a section, because substrate is {chosen}"))
        if name != chosen and present:
            problems.append(Problem(name, "a section", f"nothing, because substrate is {chosen}"))
    platform = values.get("platform")
    selection = platform.get("applications") if isinstance(platform, Mapping) else None
    off = {name for name, on in selection.items() if on is False} if isinstance(selection, Mapping) else set()
    for item in APPLICATIONS:
        if item.name not in off and values.get(item.name) is None:
            problems.append(Problem(item.name, "nothing", f"a section, because application {item.name} is on"))
    return problems


def _sections() -> dict[str, Any]:
    return {item.name: (item.settings | None, Field(default=None)) for item in APPLICATIONS}


SETTINGS: type[Settings] = create_model("Settings", __base__=Settings, __doc__=Settings.__doc__, **_sections())
"""Model of all settings: `Settings` with a section for each application."""
