"""A part of the real flights with matching parameters, small enough to run the whole workload in a test."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from examples.flights import build, raw
from examples.flights.parameters import Parameters, parameters

AS_OF = datetime(2013, 3, 28, 22, tzinfo=UTC)
LATER = datetime(2013, 3, 29, 22, tzinfo=UTC)


def small_parameters() -> Parameters:
    """Return the workload's parameters for the first three months."""
    full = parameters()
    training = replace(
        full.training,
        train_from=datetime(2013, 2, 1, tzinfo=UTC),
        test_from=datetime(2013, 3, 10, tzinfo=UTC),
        test_until=AS_OF,
        train_rows=2500,
        test_rows=900,
        rounds=40,
    )
    return replace(full, as_of=AS_OF, training=training, min_auc=0.55, min_brier_skill=0.005)


def raw_tables() -> dict[str, pd.DataFrame]:
    """Return the real raw tables of the first three months."""
    folder = raw.package_folder()
    tables = {name: raw.parse(file, (folder / file).read_bytes()) for name, file in raw.FILES.items()}
    for name in ("flights", "weather"):
        tables[name] = tables[name][tables[name]["month"] <= 3].reset_index(drop=True)
    return tables


def write_raw(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """Write raw tables in the form of the package; return the folder."""
    for name, file in raw.FILES.items():
        text = tables[name].to_csv(index=False)
        if file.endswith(".zip"):
            with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("flights.csv", text)
        else:
            (folder / file).write_text(text)
    return folder


def feature_tables(as_of: datetime = AS_OF) -> dict[str, pd.DataFrame]:
    """Return feature tables and labels of the part."""
    return build.tables(raw_tables(), small_parameters(), as_of)
