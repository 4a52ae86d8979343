"""Feast's join and online store with the flights features: no flight lost, no leak, online equals offline."""

from __future__ import annotations

import contextlib
import io
import math
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from examples.flights import dataset, registry
from examples.flights.features.catalog import FEATURE_NAMES, FEATURES, KEYS, SERVICE, VIEW_KEYS
from tests.engine.flights_part import AS_OF, LATER, feature_tables

if TYPE_CHECKING:
    from feast import FeatureStore

ABSURD = 1e6


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return feature_tables()


@pytest.fixture(scope="module")
def flights(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return tables["labels"].sample(600, random_state=3).sort_values(["event_timestamp", "flight_id"], ignore_index=True)


@pytest.fixture(scope="module")
def joined(tables: dict[str, pd.DataFrame], flights: pd.DataFrame) -> pd.DataFrame:
    return dataset.join(flights, tables, slice_rows=250)


def merge_asof(flights: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Join whole tables with pandas instead of Feast."""
    rows = flights
    for view, features in FEATURES.items():
        right = tables[view].sort_values("event_timestamp")[[*VIEW_KEYS[view], "event_timestamp", *features]]
        rows = pd.merge_asof(rows, right, on="event_timestamp", by=VIEW_KEYS[view])
    return rows


def same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    return all(np.array_equal(left[name], right[name], equal_nan=True) for name in FEATURE_NAMES)


def test_join_equals_pandas_bit_for_bit(
    tables: dict[str, pd.DataFrame], flights: pd.DataFrame, joined: pd.DataFrame
) -> None:
    assert list(joined["flight_id"]) == list(flights["flight_id"])
    assert list(joined.columns[-len(FEATURE_NAMES) :]) == FEATURE_NAMES
    assert same(joined, merge_asof(flights, tables))


def test_flights_without_any_past_are_kept(tables: dict[str, pd.DataFrame], joined: pd.DataFrame) -> None:
    """An aircraft's first flight has only later rows; the Dask offline store would drop it."""
    first = tables["labels"].groupby("tailnum")["event_timestamp"].min()
    unknown = joined[joined["event_timestamp"] == joined["tailnum"].map(first)]
    assert len(unknown) > 0
    assert joined["aircraft_last_delay"].isna().sum() > 0


@pytest.mark.parametrize(("minutes", "seen"), [(0, True), (1, False)])
def test_only_rows_known_at_departure_are_seen(
    minutes: int, seen: bool, tables: dict[str, pd.DataFrame], flights: pd.DataFrame, joined: pd.DataFrame
) -> None:
    """An extreme outcome of every flight's aircraft appears when it was known at departure, and not a minute later."""
    planted = flights[["tailnum", "event_timestamp"]].assign(**dict.fromkeys(FEATURES["aircraft_history"], ABSURD))
    planted["event_timestamp"] += timedelta(minutes=minutes)
    history = pd.concat([tables["aircraft_history"], planted], ignore_index=True)
    history = history.drop_duplicates(["tailnum", "event_timestamp"], keep="last")
    with_future = dataset.join(flights, tables | {"aircraft_history": history}, slice_rows=250)
    reached = with_future["aircraft_last_delay"] == ABSURD
    if seen:
        assert reached.all()
    else:
        # Another sampled flight of the same aircraft may have an outcome that is already in the past by now.
        earlier = flights.duplicated("tailnum", keep="first")
        assert not reached[~earlier].any()
        assert same(joined[~earlier].reset_index(drop=True), with_future[~earlier].reset_index(drop=True))


@pytest.fixture
def store(tmp_path: Path, tables: dict[str, pd.DataFrame]) -> FeatureStore:
    """Return a store like the platform's: Dask offline store, registry, online store."""
    from feast import FeatureStore, RepoConfig

    from examples.flights.features.definitions import repository

    for view in FEATURES:
        tables[view].to_parquet(tmp_path / f"{view}.parquet", index=False)
    config = RepoConfig(
        project="flights",
        provider="local",
        registry=str(tmp_path / "registry.db"),
        offline_store={"type": "file"},
        online_store={"type": "sqlite", "path": str(tmp_path / "online.db")},
        entity_key_serialization_version=3,
        repo_path=tmp_path,
    )
    made = FeatureStore(config=config)
    made.apply(repository(str(tmp_path), None))
    with contextlib.redirect_stdout(io.StringIO()):
        made.materialize(AS_OF - timedelta(days=400), AS_OF)
    return made


def offline_now(tables: dict[str, pd.DataFrame], keys: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the features of `keys` at the time of the snapshot, by Feast's historical join."""
    entities = keys.assign(flight_id=np.arange(len(keys)), event_timestamp=pd.Timestamp(AS_OF))
    return [dict(row) for row in dataset.join(entities, tables).to_dict("records")]


def bits(value: object) -> object:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else float(str(value)).hex()


def test_online_equals_offline_bit_for_bit(store: FeatureStore, tables: dict[str, pd.DataFrame]) -> None:
    keys = tables["labels"].drop_duplicates(KEYS).sample(300, random_state=5)[KEYS].reset_index(drop=True)
    offline = offline_now(tables, keys)
    online = registry.online(store, [{str(key): value for key, value in row.items()} for row in offline])
    for there, here in zip(offline, online, strict=True):
        assert {name: bits(there[name]) for name in FEATURE_NAMES} == {name: bits(here[name]) for name in FEATURE_NAMES}
        assert registry.equal(there, here)
    assert sum(row["aircraft_late_share_7d"] not in (None, 0.0) for row in online) > 100, "values, not absences"


def test_a_stale_online_store_is_noticed(store: FeatureStore) -> None:
    later = feature_tables(LATER)
    keys = later["labels"].sort_values("event_timestamp").tail(50)[KEYS]
    wanted = registry.newest(later, keys)
    found = registry.online(store, wanted)
    assert not all(registry.equal(there, here) for there, here in zip(wanted, found, strict=True))


def test_an_unknown_key_has_no_features(store: FeatureStore) -> None:
    (row,) = registry.online(store, [{"tailnum": "N0NE", "origin": "XXX", "dest": "YYY"}])
    assert all(row[name] is None for name in FEATURE_NAMES)


def test_fingerprint_is_that_of_the_definitions(store: FeatureStore, tmp_path: Path) -> None:
    """The store for training and the platform's store have the same fingerprint despite different table addresses."""
    folder = tmp_path / "training"
    folder.mkdir()
    assert registry.fingerprint(dataset.local_store(folder)) == registry.fingerprint(store, SERVICE)
