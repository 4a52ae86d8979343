"""Settings of MLflow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from components.section import Hostname, Section, Size

Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class MLflowSection(Section):
    """Tracking server and registry."""

    replicas: int = Field(ge=1, le=20, description="pods of the server")
    workers: int = Field(ge=1, le=16, description="processes in each pod, about 250 MiB each")
    size: Size
    hosts: tuple[Hostname, ...] = Field(
        default=(), strict=False, description="further host names under which clients and browsers may call the server"
    )
    protected_aliases: tuple[Alias, ...] = Field(
        default=("champion",),
        strict=False,
        description="aliases and stages of registered models that only a team's promoter sets, moves or deletes",
    )
