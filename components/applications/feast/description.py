"""Description of Feast."""

from __future__ import annotations

from components.applications.description import Address, Application, Route
from components.applications.feast.names import CLIENT_SECRET, CONFIG_PATH, GRANT, NAMESPACE, PORT, PROJECT, URL
from components.applications.feast.settings import FeastSection

OPEN_PATHS = ("/get-online-features", "/health")
"""Paths that the Gateway exposes: those that only read, because the feature server has no login."""


FEAST = Application(
    name="feast",
    title="Feast: feature server, registry and scheduled materialization",
    namespace=NAMESPACE,
    settings=FeastSection,
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
    per_team=True,
    team_environment={"FEAST_SERVER_URL": URL, "FEAST_PROJECT": PROJECT, "FEAST_CONFIG": CONFIG_PATH},
    team_credentials={"feast": CLIENT_SECRET},
)
