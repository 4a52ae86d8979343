"""Settings of Feast."""

from __future__ import annotations

from pydantic import Field

from components.section import Cron, Instant, Section, Size


class MaterializationSection(Section):
    """Scheduled materialization."""

    schedule: Cron = Field(description="cron expression, UTC")
    until: Instant | None = Field(default=None, description="instant to materialize up to; default: the run's own time")
    size: Size


class FeastSection(Section):
    """Feature store."""

    replicas: int = Field(ge=1, le=20, description="pods of the feature server")
    workers: int = Field(ge=1, le=16, description="processes in each pod")
    registry_refresh_seconds: int = Field(
        ge=5, le=3600, description="age at which the server reads the registry again, in seconds"
    )
    size: Size
    materialization: MaterializationSection
