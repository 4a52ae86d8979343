"""Description of the Gateway."""

from __future__ import annotations

from components.applications.description import Address, Application
from components.applications.gateway.names import NAMESPACE
from components.applications.gateway.settings import GatewaySection

GATEWAY = Application(
    name="gateway",
    title="Envoy Gateway: the single entry point to every application",
    namespace=NAMESPACE,
    settings=GatewaySection,
    images=("envoy-gateway", "envoy"),
    manifests=("gateway-api", "envoy-gateway"),
    # The root path has no backend: any answer below 500 shows that Envoy runs.
    addresses={"gateway": Address(path="", health=None)},
)
