"""Names, ports and requests of the Gateway that its description and its component share."""

from __future__ import annotations

NAMESPACE = "envoy-gateway-system"
