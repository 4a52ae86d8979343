"""Description of an application, from which the rest of the platform derives everything it needs to know about it.

A description imports neither Pulumi nor its component, so that the command line loads it quickly.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from components.section import Section
from components.substrates.requests import Grant
from components.teams.team import TeamGrant

if TYPE_CHECKING:
    import pulumi

    from components.substrates.contract import Substrate
    from components.teams.component import TeamSpace

S = TypeVar("S", bound=Section)
C = TypeVar("C", bound="pulumi.ComponentResource")

Protection = Literal["login", "token", "open"]
"""What a request needs: the application's own login, a token that the Gateway checks, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A path of the Gateway that leads to a Service of the application.

    Attributes:
        name: Name of the HTTPRoute.
        path: Path below the Gateway, with a leading and without a trailing slash.
        service: Name of the Service.
        port: Port of the Service.
        protection: What a request needs to pass. The program declares `login` and `open` routes. An application
            declares its `token` routes itself, after the token.
        rewrite: Replaces the path before the Service sees the request.
        pages: Whether the Service answers with pages whose links are relative; the path then leads to itself with a
            trailing slash.
        timeout_seconds: Time limit of a request; 0 for no limit.
    """

    name: str
    path: str
    service: str
    port: int
    protection: Protection
    rewrite: str = "/"
    pages: bool = False
    timeout_seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Address:
    """A URL that the stack exports.

    Attributes:
        path: Path below the Gateway; empty for the Gateway's root.
        health: Path below the address that answers 200 without a login, where `{object}` stands for the name of each
            object that users created. None: every answer below 500 counts as healthy.
    """

    path: str
    health: str | None = "/health"


@dataclass(frozen=True, kw_only=True)
class UserObjects:
    """A kind of Kubernetes object that users create and that a controller of the application must finalize on deletion.

    Attributes:
        group: API group.
        version: Version of the API.
        plural: Name of the kind in URLs.
        controller: Controller that must run before such an object can be deleted.
        propagation: Whether owned objects are deleted before their owner (`Foreground`) or after it (`Background`).
        pod_label: Label of the pods of such objects, when the controller keeps these by a finalizer; else None.
        pod_finalizer: That finalizer.
    """

    group: str
    version: str
    plural: str
    controller: str
    propagation: Literal["Foreground", "Background"] = "Foreground"
    pod_label: str | None = None
    pod_finalizer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Traffic that is allowed to enter the application's namespace.

    Attributes:
        source: Application whose pods may connect; the application's own name for pods of its own namespace.
        to: Label `app.kubernetes.io/name` of the pods that may be reached; every pod when None.
        port: TCP port; every port when None.
    """

    source: str
    to: str | None = None
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Application(Generic[S]):
    """One application of the platform, in a folder of its name beside this module.

    Attributes:
        name: Its name, also the key of its section in the settings and of its namespace in the outputs.
        title: What it is for, in one sentence.
        namespace: Namespace of its servers.
        settings: Model of its section.
        requires: Names of applications that it does not work without.
        images: Names of the images that its pods run (`artifacts/images/catalog.yaml`).
        manifests: Names of the upstream manifests that it renders (`artifacts/manifests/pins.yaml`).
        postgres: Names of its databases on Postgres.
        mysql: Key by which it looks up a MySQL database, mapped to the name of that database.
        grants: Access to buckets that it requests.
        routes: Paths of the Gateway that lead to its Services.
        addresses: URLs that the stack exports, by their name in the output `urls`.
        credentials: Name in the output `credentials`, mapped to a Secret in its namespace.
        flows: Traffic that may enter its namespace; empty where traffic is not restricted.
        user_objects: Kinds of objects that users create, in the order in which they are removed.
        checks: Names of the smoke checks that use it.
        team_grants: Access to buckets that it requests for every team.
        team_environment: Variables, without secrets, that it adds to the ConfigMap `platform` of every team; `{team}`
            in a value stands for the team's name.
        team_credentials: Name in the output `teams.<name>.credentials`, mapped to a Secret in the team's namespace.
        withheld_credentials: Name in the output `teams.<name>.credentials`, mapped to a Secret in the application's own
            namespace, which no pod of the team can read; `{team}` stands for the team's name.
        reserved_names: Names that no team may have, because they have a meaning in the application.
        per_team: Whether its folder has a module `team`, which declares what every team gets of it.
    """

    name: str
    title: str
    namespace: str
    settings: type[S]
    requires: Sequence[str] = ()
    images: Sequence[str] = ()
    manifests: Sequence[str] = ()
    postgres: Sequence[str] = ()
    mysql: Mapping[str, str] = field(default_factory=dict)
    grants: Sequence[Grant] = ()
    routes: Sequence[Route] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    flows: Sequence[Flow] = ()
    user_objects: Sequence[UserObjects] = ()
    checks: Sequence[str] = ()
    team_grants: Sequence[TeamGrant] = ()
    team_environment: Mapping[str, str] = field(default_factory=dict)
    team_credentials: Mapping[str, str] = field(default_factory=dict)
    withheld_credentials: Mapping[str, str] = field(default_factory=dict)
    reserved_names: Sequence[str] = ()
    per_team: bool = False

    def declare(self, context: Context, settings: S) -> pulumi.ComponentResource:
        """Declare the application by the function `declare` of the module `component` in its folder.

        The module is imported here because it loads Pulumi, which is slow and which most commands do not need.
        """
        module = importlib.import_module(f"components.applications.{self.name}.component")
        return cast("pulumi.ComponentResource", module.declare(context, settings))

    def declare_team(self, context: Context, team: TeamSpace) -> None:
        """Declare what a team gets of the application, by the function `declare` of the module `team` in its folder.

        Call it after `declare`, for every team, when `per_team` is true.
        """
        importlib.import_module(f"components.applications.{self.name}.team").declare(context, team)


AnyApplication = Application[Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the program passes to an application that it declares.

    Attributes:
        substrate: Substrate that the application runs on.
        applications: The applications of the stack that are on, in the order in which they are declared.
        teams: Spaces of the teams, the default one first; they are declared before every application.
        declared: Components of the applications that were declared earlier.
    """

    substrate: Substrate
    applications: Sequence[AnyApplication]
    teams: Sequence[TeamSpace] = ()
    declared: list[pulumi.ComponentResource] = field(default_factory=list)

    def component(self, kind: type[C]) -> C:
        """Return the component of an application that was declared earlier.

        Raises:
            LookupError: No such component was declared; the description's `requires` must name its application.
        """
        found = next((item for item in self.declared if isinstance(item, kind)), None)
        if found is None:
            raise LookupError(f"no {kind.__name__} was declared earlier; add its application to `requires`")
        return found
