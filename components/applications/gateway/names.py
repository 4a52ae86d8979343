"""Names and ports that the Gateway's description and component share."""

from __future__ import annotations

NAMESPACE = "envoy-gateway-system"
