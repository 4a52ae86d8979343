"""Defines entities, feature views and the feature service as Feast objects, over Parquet files at a base address.

A Feast entity has exactly one join key, so a route is the pair of the entities origin and destination.

Feature views have no TTL. The data end in 2013, and Feast compares the timestamps in the online store with the clock:
with any TTL every feature would have expired. The freshness check detects stale rows by their event timestamps.
"""

from __future__ import annotations

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Float64, String

from examples.flights import environment
from examples.flights.features.catalog import FEATURES, SERVICE, VIEW_KEYS

ENTITIES = {
    "tailnum": Entity(
        name="aircraft", join_keys=["tailnum"], value_type=ValueType.STRING, description="Aircraft by tail number"
    ),
    "origin": Entity(
        name="origin", join_keys=["origin"], value_type=ValueType.STRING, description="Airport of departure (IATA code)"
    ),
    "dest": Entity(
        name="destination",
        join_keys=["dest"],
        value_type=ValueType.STRING,
        description="Airport of arrival (IATA code)",
    ),
}


def address(base: str, table: str) -> str:
    """Return the address of a feature table below `base` (a folder, or `s3://bucket/prefix`)."""
    return f"{base.rstrip('/')}/{table}.parquet"


def feature_views(base: str, endpoint: str | None) -> list[FeatureView]:
    """Return the feature views over the tables below `base`.

    Args:
        base: Folder, or `s3://bucket/prefix`, of the Parquet files.
        endpoint: URL of an S3 service other than AWS; None on AWS and for folders.
    """
    views: list[FeatureView] = []
    for table, features in FEATURES.items():
        source = FileSource(
            name=table,
            path=address(base, table),
            file_format=ParquetFormat(),
            timestamp_field="event_timestamp",
            s3_endpoint_override=endpoint if base.startswith("s3://") else None,
        )
        views.append(
            FeatureView(
                name=table,
                entities=[ENTITIES[key] for key in VIEW_KEYS[table]],
                ttl=timedelta(0),
                schema=[
                    *(Field(name=key, dtype=String) for key in VIEW_KEYS[table]),
                    *(Field(name=name, dtype=Float64, description=text) for name, text in features.items()),
                ],
                source=source,
                online=True,
            )
        )
    return views


def repository(base: str, endpoint: str | None) -> list[Entity | FeatureView | FeatureService]:
    """Return all objects for `FeatureStore.apply`; arguments as in `feature_views`."""
    views = feature_views(base, endpoint)
    service = FeatureService(name=SERVICE, features=list(views), description="Features of the flight-delay model")
    return [*ENTITIES.values(), *views, service]


def from_environment() -> list[Entity | FeatureView | FeatureService]:
    """Return the repository over the tables that the environment names, as `environment.read` finds them."""
    where = environment.read()
    return repository(where.features_address, where.endpoint)
