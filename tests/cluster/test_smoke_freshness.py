"""The freshness check finds features that are older online than offline, and features that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from google.protobuf.timestamp_pb2 import Timestamp
from kubernetes import client

from tests.cluster.smoke_support import breaches, passes, smoke
from tests.cluster.support import online_store

DAY = 86_400


@pytest.fixture
def store(platform: dict[str, Any], core: client.CoreV1Api) -> Iterator[redis.Redis]:
    """Return a client of Redis with the platform's data."""
    with online_store(core) as opened:
        yield opened


@contextmanager
def changed(store: redis.Redis, view: str, change: Callable[[bytes], dict[bytes, bytes | None]]) -> Iterator[int]:
    """Change every row of a feature view while the block runs; yield the number of rows.

    Args:
        store: The online store.
        view: Feature view.
        change: Returns the fields to set for a row's timestamp; None removes a field.
    """
    field = f"_ts:{view}".encode()
    kept: dict[bytes, dict[bytes, bytes]] = {}
    for key in store.scan_iter(count=1000):
        if store.type(key) == b"hash" and store.hexists(key, field.decode()):
            row: Any = store.hgetall(key)
            kept[key] = row
    try:
        for key, fields in kept.items():
            for name, value in change(fields[field]).items():
                if value is None:
                    store.hdel(key, name)  # type: ignore[arg-type]
                else:
                    store.hset(key, name, value)  # type: ignore[arg-type]
        yield len(kept)
    finally:
        for key, fields in kept.items():
            store.hset(key, mapping=fields)  # type: ignore[arg-type]


def a_day_earlier(stamp: bytes) -> bytes:
    moved = Timestamp.FromString(stamp)
    moved.seconds -= DAY
    return moved.SerializeToString()


def test_features_older_than_the_offline_store_are_stale(platform: dict[str, Any], store: redis.Redis) -> None:
    view = "origin_weather"
    passes("feature-freshness")
    with changed(store, view, lambda stamp: {f"_ts:{view}".encode(): a_day_earlier(stamp)}) as count:
        result = smoke("feature-freshness")
    assert count > 0
    assert not result.reason
    (stale,) = breaches(result)
    assert stale.name == f"{view}: online behind offline"
    assert stale.value == pytest.approx(DAY)
    passes("feature-freshness")


def test_features_that_are_not_there_are_missing(platform: dict[str, Any], store: redis.Redis) -> None:
    view = "origin_weather"
    with changed(store, view, lambda stamp: {f"_ts:{view}".encode(): None}) as count:
        result = smoke("feature-freshness")
    missing = breaches(result)
    assert [failed.name for failed in missing] == [
        f"{view}: entities missing online",
        f"{view}: online behind offline",
    ]
    assert missing[0].value == count
    passes("feature-freshness")
