"""The description of an application: everything that the rest of the platform derives from it.

A description imports neither Pulumi nor its own component, so that the command line reads it quickly.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from components.section import Section
from components.substrates.requests import Grant

if TYPE_CHECKING:
    import pulumi

    from components.substrates.contract import Substrate

S = TypeVar("S", bound=Section)
C = TypeVar("C", bound="pulumi.ComponentResource")

Protection = Literal["login", "token", "open"]
"""Who lets a request in: the application's own login, a token that the Gateway checks, or nobody."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A path of the Gateway that leads to a Service of the application.

    Attributes:
        name: Name of the HTTPRoute.
        path: Path below the Gateway, with a leading and without a trailing slash.
        service: Name of the Service.
        port: Port of the Service.
        protection: Who lets a request in. The platform declares `login` and `open` routes itself; a `token` route is
            declared by the application, after its token.
        rewrite: What replaces the path before the Service sees the request.
        timeout_seconds: Longest request; 0 for no bound.
    """

    name: str
    path: str
    service: str
    port: int
    protection: Protection
    rewrite: str = "/"
    timeout_seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Address:
    """A URL that the stack exports.

    Attributes:
        path: Path below the Gateway; empty for the Gateway's root.
        health: Path below the address that answers 200 without a login. `{object}` stands for the name of each object
            that users made. None where every answer below 500 counts as healthy.
    """

    path: str
    health: str | None = "/health"


@dataclass(frozen=True, kw_only=True)
class UserObjects:
    """A kind of Kubernetes object that users make and that a controller of the application has to let go.

    Attributes:
        group: API group.
        version: Version of the API.
        plural: Name of the kind in URLs.
        controller: What has to run before one can go.
        propagation: Whether what one owns goes before it (`Foreground`) or after it (`Background`).
    """

    group: str
    version: str
    plural: str
    controller: str
    propagation: Literal["Foreground", "Background"] = "Foreground"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Traffic that may enter the application's namespace.

    Attributes:
        source: Name of the application whose pods may connect; the application's own name for pods of its namespace.
        to: Value of the label `app.kubernetes.io/name` of the pods that are reached; every pod when None.
        port: TCP port; every port when None.
    """

    source: str
    to: str | None = None
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Application(Generic[S]):
    """One application of the platform, in a folder of its name beside this module.

    Attributes:
        name: Its name: key of its section in the settings, of its namespace in the outputs and of `applications`.
        title: What it is for, in one sentence.
        namespace: Namespace of its servers.
        settings: Model of its section.
        requires: Names of applications that it does not work without.
        images: Names of the images that its pods run (`artifacts/images/catalog.yaml`).
        manifests: Names of upstream's manifests that it renders (`artifacts/manifests/pins.yaml`).
        postgres: Names of its databases on Postgres.
        mysql: Name by which it knows a MySQL database, to the name of that database.
        grants: Access to buckets that it asks for.
        routes: Paths of the Gateway that lead to it.
        addresses: URLs that the stack exports, by their name in the output `urls`.
        credentials: Name in the output `credentials`, to the Secret in the namespace that has them.
        flows: Traffic that may enter its namespace; empty where nothing is restricted yet.
        user_objects: What users create in it, in the order in which it is removed.
        user_routes: Whether users attach routes from its namespace.
        checks: Names of the smoke checks that use it.
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
    user_routes: bool = False
    checks: Sequence[str] = ()

    def declare(self, context: Context, settings: S) -> pulumi.ComponentResource:
        """Declare the application by the function `declare` of the module `component` in its folder.

        The module is imported here because it loads Pulumi, which is slow and which most commands do not need.
        """
        module = importlib.import_module(f"components.applications.{self.name}.component")
        return cast("pulumi.ComponentResource", module.declare(context, settings))


AnyApplication = Application[Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an application gets when it is declared.

    Attributes:
        substrate: What it runs on.
        applications: The applications of the stack that are on, in the order in which they are declared.
        declared: Components of the applications that were declared before it.
    """

    substrate: Substrate
    applications: Sequence[AnyApplication]
    declared: list[pulumi.ComponentResource] = field(default_factory=list)

    def component(self, kind: type[C]) -> C:
        """Return the component of an application that was declared before.

        Raises:
            LookupError: There is none. The description's `requires` has to name its application.
        """
        found = next((item for item in self.declared if isinstance(item, kind)), None)
        if found is None:
            raise LookupError(f"no {kind.__name__} was declared before; name its application in `requires`")
        return found
