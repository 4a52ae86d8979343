"""The Gateway as the rest of the platform sees it."""

from __future__ import annotations

from components.applications.description import Address, Application
from components.applications.gateway.names import NAMESPACE
from components.applications.gateway.settings import GatewaySection

GATEWAY = Application(
    name="gateway",
    title="Envoy Gateway: the one entrance to every application",
    namespace=NAMESPACE,
    settings=GatewaySection,
    images=("envoy-gateway", "envoy"),
    manifests=("gateway-api", "envoy-gateway"),
    # Nothing is behind its root: any answer that is no server error shows that Envoy runs.
    addresses={"gateway": Address(path="", health=None)},
)
