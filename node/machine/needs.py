"""Reads needs.yaml: the requirements for a machine."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from node.machine.kernel import Feature


class Needs(BaseModel):
    """Requirements for a machine; needs.yaml describes each figure and its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str
    architectures: list[str]
    disk_gb: float
    disk_spare_gb: float
    memory_gib: float
    memory_tolerance_gib: float
    capabilities: dict[str, int]
    cgroups: list[str]
    cgroups_v1: list[str]
    kernel: dict[str, Feature]
    programs: dict[str, str]


@functools.cache
def needs() -> Needs:
    """Return the requirements in needs.yaml."""
    return Needs.model_validate(yaml.safe_load((Path(__file__).parent / "needs.yaml").read_text()))
