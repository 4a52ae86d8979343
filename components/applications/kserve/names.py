"""Names, ports and requests of KServe that its description and its component share."""

from __future__ import annotations

NAMESPACE = "kserve"
