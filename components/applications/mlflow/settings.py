"""Settings of MLflow."""

from __future__ import annotations

from pydantic import Field

from components.section import Hostname, Section, Size


class MLflowSection(Section):
    """Tracking server and registry."""

    replicas: int = Field(ge=1, le=20, description="pods of the server")
    workers: int = Field(ge=1, le=16, description="processes in each pod, about 250 MiB each")
    size: Size
    hosts: tuple[Hostname, ...] = Field(
        default=(), strict=False, description="further host names under which clients may call the server"
    )
