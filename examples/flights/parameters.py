"""Reads the parameters of the workload from `parameters.yaml`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of the rolling statistics.

    Attributes:
        aircraft_days: Days in an aircraft's statistics.
        aircraft_flights: Flights in an aircraft's short statistics.
        route_days: Days in a route's statistics.
        route_flights: Flights in a route's short statistics.
        origin_hours: Hours in an airport's departure statistics.
    """

    aircraft_days: int
    aircraft_flights: int
    route_days: int
    route_flights: int
    origin_hours: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Parameters of sampling and training; `lightgbm` is passed to LightGBM unchanged."""

    train_from: datetime
    test_from: datetime
    test_until: datetime
    train_rows: int
    test_rows: int
    seed: int
    rounds: int
    lightgbm: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Content of `parameters.yaml`; comments in the file explain each value.

    Attributes:
        late_after_minutes: A flight is late when it arrives more than this many minutes after schedule.
        known_after_minutes: Minutes after which an event of the flights table is known.
        weather_delay_minutes: Minutes after its hour at which a weather report is known.
        windows: Windows of the rolling statistics.
        as_of: Time of the snapshot in the online store.
        training: Sampling and LightGBM parameters.
        min_auc: Least AUC on the test flights.
        min_brier_skill: Least Brier skill on the test flights.
        experiment: MLflow experiment.
        registered_model: MLflow registered model.
        candidate: Alias that the training Job gives a version that passes the quality gate.
        alias: Alias of the version that is deployed; no Job may set it.
    """

    late_after_minutes: int
    known_after_minutes: int
    weather_delay_minutes: int
    windows: Windows
    as_of: datetime
    training: Training
    min_auc: float
    min_brier_skill: float
    experiment: str
    registered_model: str
    candidate: str
    alias: str


@cache
def parameters() -> Parameters:
    """Read `parameters.yaml` once."""
    raw = yaml.safe_load((FOLDER / "parameters.yaml").read_text())
    windows = dict(raw["windows"])
    windows["origin_hours"] = tuple(windows["origin_hours"])
    return Parameters(
        late_after_minutes=raw["label"]["late_after_minutes"],
        known_after_minutes=raw["clock"]["known_after_minutes"],
        weather_delay_minutes=raw["clock"]["weather_delay_minutes"],
        windows=Windows(**windows),
        as_of=raw["serving"]["as_of"],
        training=Training(**raw["training"]),
        min_auc=raw["quality_gate"]["min_auc"],
        min_brier_skill=raw["quality_gate"]["min_brier_skill"],
        experiment=raw["registry"]["experiment"],
        registered_model=raw["registry"]["registered_model"],
        candidate=raw["registry"]["candidate"],
        alias=raw["registry"]["alias"],
    )


def digest_of_files(*names: str) -> str:
    """Return the SHA-256 of files in this folder; part of a step's identity.

    Args:
        names: Paths relative to the workload's folder.
    """
    total = hashlib.sha256()
    for name in sorted(names):
        total.update(name.encode() + b"\0" + (FOLDER / name).read_bytes() + b"\0")
    return total.hexdigest()
