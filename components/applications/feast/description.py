"""Description of Feast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.applications.description import Address, Application, Route
from components.applications.feast.names import GRANT, NAMESPACE, PORT
from components.applications.feast.settings import FeastSection

if TYPE_CHECKING:
    from components.applications.description import Context
    from components.applications.feast.component import Feast

OPEN_PATHS = ("/get-online-features", "/health")
"""Paths that the Gateway exposes: those that only read, because the feature server has no login."""


def declare(context: Context, settings: FeastSection) -> Feast:
    """Declare the component."""
    from components.applications.feast.component import declare as declared

    return declared(context, settings)


FEAST = Application(
    name="feast",
    title="Feast: feature server, registry and scheduled materialization",
    namespace=NAMESPACE,
    settings=FeastSection,
    declare=declare,
    requires=("gateway",),
    images=("feast",),
    postgres=("feast",),
    grants=(GRANT,),
    routes=tuple(
        Route(
            name=f"feast{path.replace('/', '-')}",
            path=f"/feast{path}",
            service="feast",
            port=PORT,
            protection="open",
            rewrite=path,
        )
        for path in OPEN_PATHS
    ),
    addresses={"feast": Address(path="/feast")},
    checks=("feature-freshness",),
)
