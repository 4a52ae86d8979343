"""Settings of the Gateway."""

from __future__ import annotations

from pydantic import Field

from components.section import Section, Size


class GatewaySection(Section):
    """The Gateway."""

    replicas: int = Field(default=1, ge=1, le=20, description="Envoys")
    size: Size
