"""Names and ports that KServe's description and component share."""

from __future__ import annotations

NAMESPACE = "kserve"
