"""Builds the training set: labelled flights, joined by Feast to the features known at their scheduled departure.

Feast's point-in-time join pairs every flight with all earlier rows of its keys before it selects the newest row: over
a year that is 4,000 weather reports for each flight. So the flights are joined in slices of time, against copies of
the feature tables without the rows that cannot be the newest for any flight of the slice. These are the rows older
than the last row known at the beginning of the slice, and the rows after its end. The result is the same with a
fiftieth of the work. The join uses Feast's DuckDB offline store; the Dask one drops flights whose keys have only later
rows.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from examples.flights.features.catalog import FEATURE_NAMES, KEYS, SERVICE, VIEW_KEYS
from examples.flights.parameters import Training

if TYPE_CHECKING:
    from feast import FeatureStore

log = logging.getLogger("flights.dataset")

SLICE = 1000
"""Flights in one slice. With fewer, the cost of a call to Feast dominates; with more, the number of pairs."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Flights for training and flights for the test, which are all later."""

    train: pd.DataFrame
    test: pd.DataFrame


def sample(labels: pd.DataFrame, training: Training) -> Split:
    """Sample the flights; equal labels give equal samples.

    Args:
        labels: All labelled flights.
        training: Times of the split, sizes and seed; the sample is smaller when there are fewer flights.
    """
    moment = labels["event_timestamp"]
    before = labels[(moment >= training.train_from) & (moment < training.test_from)]
    after = labels[(moment >= training.test_from) & (moment < training.test_until)]

    def draw(flights: pd.DataFrame, rows: int) -> pd.DataFrame:
        drawn = flights.sample(min(rows, len(flights)), random_state=training.seed)
        return drawn.sort_values(["event_timestamp", "flight_id"], ignore_index=True)

    return Split(train=draw(before, training.train_rows), test=draw(after, training.test_rows))


def training_set(labels: pd.DataFrame, tables: Mapping[str, pd.DataFrame], training: Training) -> Split:
    """Return the sampled flights with the features known at their scheduled departure.

    Args:
        labels: All labelled flights.
        tables: Feature tables by view.
        training: Times of the split, sizes and seed.
    """
    split = sample(labels, training)
    rows = join(pd.concat([split.train, split.test], ignore_index=True), tables)
    first = len(split.train)
    return Split(train=rows.iloc[:first], test=rows.iloc[first:].reset_index(drop=True))


def instants(stamps: pd.Series) -> npt.NDArray[np.datetime64]:
    """Return UTC times as a numpy array."""
    return stamps.to_numpy(dtype="datetime64[ns]")


class PrunedTables:
    """Feature tables reduced to the rows that a slice of time needs; slices must come in the order of time."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = {
            view: tables[view].sort_values("event_timestamp", kind="stable", ignore_index=True) for view in VIEW_KEYS
        }
        self._stamps = {view: instants(table["event_timestamp"]) for view, table in self._tables.items()}
        self._carried = {view: table.iloc[:0] for view, table in self._tables.items()}
        self._done = dict.fromkeys(self._tables, 0)

    def between(self, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each view's rows in (first, last], and for each key the newest row known at `first`."""
        for view, table in self._tables.items():
            stamps = self._stamps[view]
            start, end = np.searchsorted(stamps, instants(pd.Series([first, last])), side="right").tolist()
            passed = pd.concat([self._carried[view], table.iloc[self._done[view] : start]])
            self._carried[view] = passed.drop_duplicates(VIEW_KEYS[view], keep="last")
            self._done[view] = start
            yield view, pd.concat([self._carried[view], table.iloc[start:end]])


def local_store(folder: Path) -> FeatureStore:
    """Return a feature store in `folder` with the workload's definitions over the tables in that folder."""
    from feast import FeatureStore, RepoConfig

    from examples.flights.features.definitions import repository

    store = FeatureStore(
        config=RepoConfig(
            project="flights_training",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )
    store.apply(repository(str(folder), None))
    return store


def join(flights: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, slice_rows: int = SLICE) -> pd.DataFrame:
    """Return `flights` with the features known at their `event_timestamp`, in the order of time.

    Args:
        flights: `flight_id`, keys, `event_timestamp` and any other columns, which are kept.
        tables: Feature tables by view.
        slice_rows: Flights in one slice.

    Raises:
        RuntimeError: The join lost or duplicated a flight.
    """
    ordered = flights.sort_values(["event_timestamp", "flight_id"], ignore_index=True)
    pruned = PrunedTables(tables)
    joined: list[pd.DataFrame] = []
    with tempfile.TemporaryDirectory(prefix="flights-") as name:
        folder = Path(name)
        store = local_store(folder)
        service = store.get_feature_service(SERVICE)
        for begin in range(0, len(ordered), slice_rows):
            part = ordered.iloc[begin : begin + slice_rows]
            for view, table in pruned.between(part["event_timestamp"].iloc[0], part["event_timestamp"].iloc[-1]):
                table.to_parquet(folder / f"{view}.parquet", index=False, compression=None)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # ibis warns about its own code for every slice
                joined.append(store.get_historical_features(entity_df=part.copy(), features=service).to_df())
            if begin // slice_rows % 8 == 7:
                log.info("joined %d of %d flights", begin + len(part), len(ordered))
    return checked(ordered, pd.concat(joined, ignore_index=True))


def checked(flights: pd.DataFrame, joined: pd.DataFrame) -> pd.DataFrame:
    """Return the joined rows in the order of the flights, with columns in a fixed order.

    Raises:
        RuntimeError: A flight is missing or duplicated.
    """
    if len(joined) != len(flights) or set(joined["flight_id"]) != set(flights["flight_id"]):
        lost = len(set(flights["flight_id"]) - set(joined["flight_id"]))
        raise RuntimeError(f"point-in-time join made {len(joined)} rows of {len(flights)}; {lost} flights are missing")
    columns = [column for column in flights.columns if column not in FEATURE_NAMES]
    rows = joined.set_index("flight_id", drop=False).loc[flights["flight_id"]].reset_index(drop=True)
    return rows[[*columns, *FEATURE_NAMES]].astype(dict.fromkeys(FEATURE_NAMES, "float64"))


def requests(flights: pd.DataFrame, count: int) -> list[dict[str, str]]:
    """Return up to `count` different requests with keys only, spread over `flights`."""
    keys = flights[KEYS].drop_duplicates()
    stride = max(len(keys) // count, 1)
    return [
        {str(key): str(value) for key, value in row.items()}
        for row in keys.iloc[::stride].head(count).to_dict("records")
    ]
