"""Availability zones and GPU instance types of the AWS regions that settings may name."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("regions.yaml")


@dataclass(frozen=True)
class Region:
    """Offers of one region.

    Attributes:
        zones: Availability zones.
        gpus: Number of GPUs by instance type.
    """

    zones: Sequence[str]
    gpus: Mapping[str, int]


@functools.cache
def regions() -> dict[str, Region]:
    """Return the supported regions by name."""
    return {name: Region(**entry) for name, entry in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items()}
