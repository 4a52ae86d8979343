"""Features equal a brute-force computation from known events, and do not depend on later events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from examples.flights import build, clock, dataset, raw, registry, rolling
from examples.flights.features.catalog import FEATURE_NAMES, FEATURES, KEYS, VIEW_KEYS
from examples.flights.parameters import parameters

PARAMS = parameters()
SAMPLE = 24
MOMENT = pd.Timestamp("2013-04-17T19:00Z")
"""Time between past and future in the tests that change the future."""


@pytest.fixture(scope="module")
def raw_tables() -> dict[str, pd.DataFrame]:
    """Real tables of January to April: long enough for every window, small enough for a unit test."""
    folder = raw.package_folder()
    tables = {name: raw.parse(file, (folder / file).read_bytes()) for name, file in raw.FILES.items()}
    for name in ("flights", "weather"):
        tables[name] = tables[name][tables[name]["month"] <= 4].reset_index(drop=True)
    return tables


@pytest.fixture(scope="module")
def known(raw_tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return clock.completed(raw_tables["flights"], raw_tables["airports"], known_after_minutes=1)


@pytest.fixture(scope="module")
def tables(raw_tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return build.tables(raw_tables, PARAMS, pd.Timestamp("2013-05-01T12:00Z").to_pydatetime())


@pytest.fixture(scope="module")
def sample(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    labels = tables["labels"]
    return labels[labels["event_timestamp"] >= "2013-02-01"].sample(SAMPLE, random_state=7).reset_index(drop=True)


def as_of(tables: dict[str, pd.DataFrame], flight: pd.Series) -> dict[str, float]:
    """Return the newest row of each view that was known at departure."""
    found: dict[str, float] = {}
    for view, features in FEATURES.items():
        table = tables[view]
        rows = table[table["event_timestamp"] <= flight["event_timestamp"]]
        for key in VIEW_KEYS[view]:
            rows = rows[rows[key] == flight[key]]
        newest = rows.sort_values("event_timestamp").tail(1)
        found |= {name: float(newest[name].iloc[0]) if len(newest) else float("nan") for name in features}
    return found


def delays(rows: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """Return count, mean and share above 15 minutes."""
    if not len(rows):
        return 0.0, float("nan"), float("nan")
    values = [int(value) for value in rows[column]]
    return float(len(values)), sum(values) / len(values), sum(value > 15 for value in values) / len(values)


def brute_force(known: pd.DataFrame, raw_tables: dict[str, pd.DataFrame], flight: pd.Series) -> dict[str, float]:
    """Compute every feature of one flight from rows known before its departure, without a window function."""
    now = flight["event_timestamp"]
    arrived = known[known["arrived_at"] < now]
    found: dict[str, float] = {}

    def history(rows: pd.DataFrame, prefix: str, short: int) -> pd.DataFrame:
        rows = rows.sort_values(["arrival_known_at", "scheduled_departure", "flight_id"])
        week = rows[rows["arrived_at"] > rows["arrived_at"].max() - timedelta(days=7)]
        names = (f"{prefix}_flights_7d", f"{prefix}_mean_delay_7d", f"{prefix}_late_share_7d")
        values = delays(week, "arr_delay") if len(rows) else (float("nan"),) * 3
        found.update(zip(names, values, strict=True))
        _, found[f"{prefix}_mean_delay_{short}"], found[f"{prefix}_late_share_{short}"] = delays(
            rows.tail(short), "arr_delay"
        )
        return rows

    mine = history(arrived[arrived["tailnum"] == flight["tailnum"]], "aircraft", 10)
    found["aircraft_last_delay"] = float(mine["arr_delay"].iloc[-1]) if len(mine) else float("nan")
    route = arrived[(arrived["origin"] == flight["origin"]) & (arrived["dest"] == flight["dest"])]
    found["route_distance"] = float(history(route, "route", 20)["distance"].iloc[-1])

    hour = now.floor("h")
    local = hour.tz_convert("America/New_York")
    found["origin_hour"], found["origin_weekday"] = float(local.hour), float(local.dayofweek)
    gone = known[(known["origin"] == flight["origin"]) & (known["departed_at"] < hour)]
    for span in (1, 3):
        recent = gone[gone["departed_at"] >= hour - timedelta(hours=span)]
        names = (f"origin_departures_{span}h", f"origin_mean_delay_{span}h", f"origin_late_share_{span}h")
        found.update(zip(names, delays(recent, "dep_delay"), strict=True))

    weather = raw_tables["weather"]
    reports = weather[weather["origin"] == flight["origin"]]
    seen = reports[pd.to_datetime(reports["time_hour"], utc=True) + timedelta(hours=1) <= now]
    last = seen.sort_values("time_hour").iloc[-1]
    columns = ("temp", "dewp", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    found.update({name: float(last[column]) for name, column in zip(FEATURES["origin_weather"], columns, strict=True)})

    plane = raw_tables["planes"].set_index("tailnum").reindex([flight["tailnum"]]).iloc[0]
    found["aircraft_age"] = 2013 - float(plane["year"])
    found["aircraft_seats"], found["aircraft_engines"] = float(plane["seats"]), float(plane["engines"])
    return found


def differing(left: dict[str, float], right: dict[str, float]) -> set[str]:
    """Return the features in which two rows are not the same float64."""
    same = {name for name in FEATURE_NAMES if np.array_equal(left[name], right[name], equal_nan=True)}
    return set(FEATURE_NAMES) - same


def test_features_equal_brute_force(
    tables: dict[str, pd.DataFrame],
    known: pd.DataFrame,
    raw_tables: dict[str, pd.DataFrame],
    sample: pd.DataFrame,
) -> None:
    for _, flight in sample.iterrows():
        assert differing(as_of(tables, flight), brute_force(known, raw_tables, flight)) == set(), flight.to_dict()


def test_brute_force_sees_a_leak(
    tables: dict[str, pd.DataFrame],
    known: pd.DataFrame,
    raw_tables: dict[str, pd.DataFrame],
    sample: pd.DataFrame,
) -> None:
    """Rows with the timestamp of the departure of their own flight, a common mistake, fail the test above."""
    dated = known.assign(arrival_known_at=known["scheduled_departure"])
    leaky = tables | {"aircraft_history": rolling.aircraft_history(dated, PARAMS)}
    few = sample.head(8)
    wrong = [differing(as_of(leaky, flight), brute_force(known, raw_tables, flight)) for _, flight in few.iterrows()]
    assert sum("aircraft_last_delay" in names for names in wrong) > len(few) / 2


def test_the_future_changes_nothing(raw_tables: dict[str, pd.DataFrame], known: pd.DataFrame) -> None:
    """Replaces all outcomes after a time; every row known until then stays exactly equal."""
    flights = raw_tables["flights"].copy()
    later = known.loc[known["arrived_at"] >= MOMENT, "flight_id"].to_numpy()
    not_gone = known.loc[known["departed_at"] >= MOMENT, "flight_id"].to_numpy()
    flights.loc[later, "arr_delay"] = 777.0
    flights.loc[not_gone, "dep_delay"] += 30
    weather = raw_tables["weather"].copy()
    weather.loc[pd.to_datetime(weather["time_hour"], utc=True) + timedelta(hours=1) > MOMENT, "temp"] = -99.0
    changed = raw_tables | {"flights": flights, "weather": weather}
    end = pd.Timestamp("2013-05-01T12:00Z").to_pydatetime()
    before, after = build.tables(raw_tables, PARAMS, end), build.tables(changed, PARAMS, end)
    for view in FEATURES:
        past, same = (build.known(table[view], MOMENT.to_pydatetime()) for table in (before, after))
        pd.testing.assert_frame_equal(past, same, check_exact=True, obj=view)
    assert (after["aircraft_history"]["aircraft_last_delay"] == 777.0).any(), "the change must reach later rows"
    assert (after["origin_weather"]["weather_temperature"] == -99.0).any()


def test_a_snapshot_holds_nothing_from_after_its_instant(raw_tables: dict[str, pd.DataFrame]) -> None:
    early = build.tables(raw_tables, PARAMS, MOMENT.to_pydatetime())
    assert all((table["event_timestamp"] <= MOMENT).all() for table in early.values())
    flights = raw_tables["flights"]
    known = clock.completed(flights, raw_tables["airports"], known_after_minutes=1)
    arrived = set(known.loc[known["arrival_known_at"] <= MOMENT, "flight_id"])
    assert set(early["labels"]["flight_id"]) == arrived


def test_key_and_timestamp_are_unique(tables: dict[str, pd.DataFrame]) -> None:
    """Feast would keep an arbitrary one of two rows with equal key and timestamp."""
    for view, keys in VIEW_KEYS.items():
        assert not tables[view].duplicated([*keys, "event_timestamp"]).any(), view
    assert not tables["labels"].duplicated([*KEYS, "event_timestamp"]).any()


def test_arrivals_in_one_minute_are_all_counted(known: pd.DataFrame) -> None:
    together = known[known.duplicated(["origin", "dest", "arrival_known_at"], keep=False)]
    assert len(together) > 100
    first = together.iloc[0]
    table = rolling.route_history(known, PARAMS)
    where = (table["origin"] == first["origin"]) & (table["dest"] == first["dest"])
    row = table[where & (table["event_timestamp"] == first["arrival_known_at"])]
    mine = known[(known["origin"] == first["origin"]) & (known["dest"] == first["dest"])]
    age = first["arrived_at"] - mine["arrived_at"]
    assert row["route_flights_7d"].item() == ((age >= timedelta(0)) & (age < timedelta(days=7))).sum()


def test_same_tables_give_the_same_bytes(tables: dict[str, pd.DataFrame], raw_tables: dict[str, pd.DataFrame]) -> None:
    again = build.tables(raw_tables, PARAMS, pd.Timestamp("2013-05-01T12:00Z").to_pydatetime())
    assert {name: build.parquet(table) for name, table in tables.items()} == {
        name: build.parquet(table) for name, table in again.items()
    }


def pruned_lookup(slice_rows: int, tables: dict[str, pd.DataFrame], flights: pd.DataFrame) -> list[dict[str, float]]:
    pruned = dataset.PrunedTables(tables)
    found: list[dict[str, float]] = []
    for begin in range(0, len(flights), slice_rows):
        part = flights.iloc[begin : begin + slice_rows]
        stamps = part["event_timestamp"]
        cut = dict(pruned.between(stamps.iloc[0], stamps.iloc[-1]))
        found += [as_of(cut, flight) for _, flight in part.iterrows()]
    return found


@pytest.mark.parametrize("slice_rows", [1, 7])
def test_pruned_tables_hold_every_row_that_counts(
    slice_rows: int, tables: dict[str, pd.DataFrame], sample: pd.DataFrame
) -> None:
    ordered = sample.sort_values("event_timestamp", ignore_index=True)
    for (_, flight), row in zip(ordered.iterrows(), pruned_lookup(slice_rows, tables, ordered), strict=True):
        assert differing(row, as_of(tables, flight)) == set()


def test_newest_is_what_is_known_at_the_end(tables: dict[str, pd.DataFrame], sample: pd.DataFrame) -> None:
    rows = registry.newest(tables, sample[KEYS].head(8))
    for (_, flight), row in zip(sample.head(8).iterrows(), rows, strict=True):
        last = flight.copy()
        last["event_timestamp"] = pd.Timestamp("2014-01-01T00:00Z")
        floats = {name: float("nan") if row[name] is None else row[name] for name in FEATURE_NAMES}
        assert differing(floats, as_of(tables, last)) == set()


def lost(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[1:]


def doubled(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.head(1)])


@pytest.mark.parametrize("change", [lost, doubled])
def test_a_lost_or_doubled_flight_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], sample: pd.DataFrame
) -> None:
    joined = sample.assign(**dict.fromkeys(FEATURE_NAMES, 0.0))
    assert len(dataset.checked(sample, joined)) == SAMPLE
    with pytest.raises(RuntimeError, match="flights are missing"):
        dataset.checked(sample, change(joined))


def test_split_is_by_time_and_repeatable(tables: dict[str, pd.DataFrame]) -> None:
    from dataclasses import replace
    from datetime import UTC, datetime

    training = replace(PARAMS.training, test_from=datetime(2013, 4, 1, tzinfo=UTC), train_rows=500, test_rows=10**6)
    first, second = (dataset.sample(tables["labels"], training) for _ in range(2))
    assert len(first.train) == 500
    assert first.train["event_timestamp"].max() < first.test["event_timestamp"].min()
    pd.testing.assert_frame_equal(first.train, second.train)
