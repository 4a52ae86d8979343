"""Departure and arrival times in UTC from local times, for all real flights."""

from __future__ import annotations

import pandas as pd
import pytest

from examples.flights import clock, raw


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    folder = raw.package_folder()
    return {name: raw.parse(file, (folder / file).read_bytes()) for name, file in raw.FILES.items()}


@pytest.fixture(scope="module")
def flights(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return clock.completed(tables["flights"], tables["airports"], known_after_minutes=1)


def one(**changes: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "tailnum": "N1", "origin": "JFK", "dest": "LAX", "dep_time": 2350.0, "dep_delay": 10.0, "arr_time": 250.0,
        "arr_delay": 5.0, "air_time": 330.0, "distance": 2475, "minute": 40, "time_hour": "2013-06-02T03:00:00Z",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def arrival(tables: dict[str, pd.DataFrame], **changes: object) -> pd.Timestamp:
    return clock.completed(one(**changes), tables["airports"], known_after_minutes=1)["arrived_at"].iloc[0]


def test_arrival_after_midnight_in_another_zone(tables: dict[str, pd.DataFrame]) -> None:
    # 23:50 in New York is 03:50 UTC; 02:50 in Los Angeles is 09:50 UTC, six hours later.
    assert arrival(tables) == pd.Timestamp("2013-06-02T09:50Z")


def test_midnight_is_written_2400(tables: dict[str, pd.DataFrame]) -> None:
    found = arrival(
        tables, dest="BOS", air_time=40.0, arr_time=2400.0, dep_delay=-60.0, time_hour="2013-06-02T03:00:00Z"
    )
    assert found == pd.Timestamp("2013-06-02T04:00Z")


def test_winter_and_summer_time(tables: dict[str, pd.DataFrame]) -> None:
    winter = arrival(tables, time_hour="2013-01-02T04:00:00Z")
    assert winter == pd.Timestamp("2013-01-02T10:50Z")


def test_arrival_is_not_before_the_time_in_the_air(tables: dict[str, pd.DataFrame]) -> None:
    # The clock shows 23:55 five minutes after departure, but the flight is in the air for an hour.
    found = arrival(tables, dest="BOS", air_time=60.0, arr_time=2355.0)
    assert found == pd.Timestamp("2013-06-03T03:55Z")


def test_unknown_destination_is_named(tables: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="XXX"):
        arrival(tables, dest="XXX")


def test_every_departure_agrees_with_the_clock(tables: dict[str, pd.DataFrame], flights: pd.DataFrame) -> None:
    shown = tables["flights"].loc[flights["flight_id"], "dep_time"].reset_index(drop=True)
    local = flights["departed_at"].dt.tz_convert("America/New_York")
    assert (local.dt.hour * 60 + local.dt.minute == clock.minute_of_day(shown)).all()


def test_every_arrival_agrees_with_the_schedule(tables: dict[str, pd.DataFrame], flights: pd.DataFrame) -> None:
    """The scheduled arrival is an independent column, from which the arrival is not computed."""
    scheduled = tables["flights"].loc[flights["flight_id"], "sched_arr_time"].reset_index(drop=True)
    due = flights["arrived_at"] - pd.to_timedelta(flights["arr_delay"], unit="min")
    zones = flights["dest"].map(clock.destination_zones(tables["airports"]))
    for zone, rows in zones.groupby(zones).groups.items():
        local = due.loc[rows].dt.tz_convert(str(zone))
        assert (local.dt.hour * 60 + local.dt.minute == clock.minute_of_day(scheduled.loc[rows])).all(), zone


def test_cancelled_and_diverted_flights_are_no_history(tables: dict[str, pd.DataFrame], flights: pd.DataFrame) -> None:
    missing = tables["flights"]["arr_delay"].isna()
    assert missing.sum() == 9430
    assert len(flights) == len(tables["flights"]) - 9430
    assert not set(flights["flight_id"]) & set(missing[missing].index)


def test_nothing_is_known_before_it_happened(flights: pd.DataFrame) -> None:
    assert (flights["arrival_known_at"] > flights["arrived_at"]).all()
    assert (flights["arrived_at"] > flights["departed_at"]).all()
    assert (flights["departure_known_at"] > flights["departed_at"]).all()
