"""Reads the ends of AWS's standard support from support.yaml."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, HttpUrl, TypeAdapter

FILE = Path(__file__).with_name("support.yaml")

WARNING_DAYS = 180
"""Days before an end of support at which warnings begin: two quarters to plan, test and carry out an upgrade."""


class Support(BaseModel):
    """One row; support.yaml describes the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    ends: datetime.date | None
    source: HttpUrl
    read: datetime.date


@functools.cache
def table(file: Path = FILE) -> Mapping[str, Mapping[str, Support]]:
    """Return the rows by product and version.

    Raises:
        ValidationError: A row lacks a field.
        ValueError: A version has two rows.
    """
    rows = TypeAdapter(dict[str, list[Support]]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    for product, found in rows.items():
        if len({row.version for row in found}) != len(found):
            raise ValueError(f"{product} has two rows for one version")
    return {product: {row.version: row for row in found} for product, found in rows.items()}
