"""The predictor reads the same values as Feast's SDK, bit for bit, from the same Redis and registry."""

from __future__ import annotations

import asyncio
import math
import random
import string
import struct
from pathlib import Path
from typing import Any

import pytest

from services.predictor.errors import PlanError
from services.predictor.feast_plan import Registry
from services.predictor.plan import Plan
from services.predictor.reader import FeatureReader, Features
from tests.engine.serving_store import (
    OLD,
    PASSWORD,
    ROWS,
    RedisServer,
    feature_store,
    objects,
    redis_server,
    write_config,
)

__all__ = ["feature_store", "redis_server"]

SERVICE = "flight_delay_v1"


@pytest.fixture(scope="module")
def registry(feature_store: Any) -> Registry:
    return Registry(feature_store.test_folder / "feature_store.yaml")


@pytest.fixture(scope="module")
def plan(registry: Registry) -> Plan:
    return registry.compile(SERVICE)


def read(registry: Registry, plan: Plan, instances: list[dict[str, Any]]) -> Features:
    async def run() -> Features:
        target = registry.redis()
        reader = FeatureReader(
            cluster=target.cluster, nodes=target.nodes, options=target.options, timeout=5.0, connections=2
        )
        try:
            return await reader.read(plan, [[item[field.name] for field in plan.key_fields] for item in instances])
        finally:
            await reader.close()

    return asyncio.run(run())


def bits(value: Any) -> Any:
    """Return a value that distinguishes 0.0 from -0.0, an int from a float, and different NaNs."""
    return (
        (type(value).__name__, struct.pack("<d", value)) if isinstance(value, float) else (type(value).__name__, value)
    )


def instances() -> list[dict[str, Any]]:
    """Return all combinations of existing and missing keys."""
    out = []
    for tailnum in ["N1", "N2", "", "NOPE", "é" * 40]:
        for origin, dest in [("JFK", "CLT"), ("CLT", "JFK"), ("JFK", "JFK"), ("XXX", "YYY")]:
            for carrier in [-3, 2**62, 0]:
                out.append({"tailnum": tailnum, "origin": origin, "dest": dest, "carrier_id": carrier})
    return out


def test_values_equal_the_sdk_s_bit_for_bit(feature_store: Any, registry: Registry, plan: Plan) -> None:
    rows = instances()
    response = feature_store.get_online_features(feature_store.get_feature_service(SERVICE), rows)
    answer = response.to_dict()
    features = read(registry, plan, rows)
    assert set(plan.features) == set(answer) - {"tailnum", "origin", "dest", "carrier_id"}
    for place, name in enumerate(plan.features):
        ours = [bits(row[place]) for row in features.rows]
        assert ours == [bits(value) for value in answer[name]], name
    assert sum(value is not None for row in features.rows for value in row) > 100


def test_statuses_and_timestamps_equal_the_sdk_s(feature_store: Any, registry: Registry, plan: Plan) -> None:
    rows = instances()
    response = feature_store.get_online_features(feature_store.get_feature_service(SERVICE), rows).proto
    vectors = dict(zip(response.metadata.feature_names.val, response.results, strict=True))
    features = read(registry, plan, rows)
    for number, view in enumerate(plan.views):
        for instance, row in enumerate(features.stamps):
            stamp = row[number]
            seconds = plan.decode_timestamp(stamp) if stamp is not None else 0.0
            vector = vectors[view.features[0]]
            theirs = vector.event_timestamps[instance]
            # The SDK marks every value of a Redis read as present; a missing row has the timestamp 0.
            assert vector.statuses[instance] == 1
            assert math.isclose(seconds, theirs.seconds + theirs.nanos / 1e9, abs_tol=1e-6)
            absent = any(item.instance == instance and item.view is view for item in features.missing)
            assert absent == (theirs.seconds == 0)


def test_a_row_older_than_the_view_s_ttl_is_still_served_as_by_the_sdk(
    feature_store: Any, registry: Registry, plan: Plan
) -> None:
    view = feature_store.get_feature_view("aircraft_stats")
    assert view.ttl.total_seconds() == 3600
    assert OLD.year == 2013
    row = {"tailnum": "N1", "origin": "JFK", "dest": "CLT", "carrier_id": -3}
    theirs = feature_store.get_online_features(feature_store.get_feature_service(SERVICE), [row]).to_dict()
    ours = read(registry, plan, [row])
    assert theirs["seats"] == [100] == [ours.rows[0][plan.features.index("seats")]]
    assert ours.missing == []


def test_every_part_of_a_missing_entity_is_named(registry: Registry, plan: Plan) -> None:
    rows = [{"tailnum": "NOPE", "origin": "JFK", "dest": "CLT", "carrier_id": 0}]
    found = read(registry, plan, rows)
    assert [(item.view.name, item.view.entity_key([0, "CLT", "JFK", "NOPE"])) for item in found.missing] == [
        ("aircraft_stats", {"tailnum": "NOPE"}),
        ("carrier_stats", {"carrier_id": 0}),
    ]


def test_a_row_of_nulls_is_not_a_missing_entity(registry: Registry, plan: Plan) -> None:
    rows = [{"tailnum": "N2", "origin": "JFK", "dest": "CLT", "carrier_id": -3}]
    found = read(registry, plan, rows)
    assert found.missing == []
    assert found.rows[0][:4] == [None] * 4


def test_keys_equal_feast_s_own_for_random_keys(plan: Plan) -> None:
    from feast.infra.online_stores.helpers import _redis_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    source = random.Random(20130101)
    alphabet = string.printable + "éß✈😀\x00"
    for _ in range(2000):
        row: list[str | int] = []
        for field in plan.key_fields:
            if field.name == "carrier_id":
                row.append(source.choice([0, -1, source.randint(-(2**63), 2**63 - 1)]))
            else:
                row.append("".join(source.choices(alphabet, k=source.randint(0, 30))))
        for view in plan.views:
            values = view.entity_key(row)
            keys = list(view.join_keys)
            source.shuffle(keys)
            asked = dict(zip(view.join_keys, view.request_fields, strict=True))
            protos = [
                Value(int64_val=value) if isinstance(value, int) else Value(string_val=value)
                for value in (values[asked[key]] for key in keys)
            ]
            assert view.redis_key(row) == _redis_key("demo", EntityKey(join_keys=keys, entity_values=protos), 3)


def test_a_service_that_is_not_there_is_named(registry: Registry) -> None:
    with pytest.raises(PlanError, match="flight_delay_v9 is not in project demo"):
        registry.compile("flight_delay_v9")


def test_a_changed_service_changes_plan_and_fingerprint(redis_server: RedisServer, tmp_path: Path, plan: Plan) -> None:
    from feast import FeatureService, FeatureStore

    config = write_config(tmp_path, redis_server.port)
    store = FeatureStore(fs_yaml_file=config)
    everything = objects()
    store.apply(everything)
    registry = Registry(config)
    first = registry.compile(SERVICE)
    assert first.fingerprint == plan.fingerprint
    store.apply([FeatureService(name=SERVICE, features=[everything[4]])])
    second = registry.compile(SERVICE)
    assert second.features == ("age", "big", "maker", "seats")
    assert second.fingerprint != first.fingerprint
    store.delete_feature_service(SERVICE)
    with pytest.raises(PlanError):
        registry.compile(SERVICE)


def test_a_registry_that_is_gone_raises_instead_of_serving_its_cache(redis_server: RedisServer, tmp_path: Path) -> None:
    from feast import FeatureStore

    config = write_config(tmp_path, redis_server.port)
    FeatureStore(fs_yaml_file=config).apply(objects())
    registry = Registry(config)
    registry.compile(SERVICE)
    (tmp_path / "registry.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Exception, match="database") as caught:
        registry.compile(SERVICE)
    assert not isinstance(caught.value, PlanError)


def test_training_computes_the_same_fingerprint(feature_store: Any, plan: Plan) -> None:
    from examples.flights.registry import fingerprint

    assert fingerprint(feature_store, SERVICE) == plan.fingerprint


def test_settings_of_the_connection_string_reach_redis(redis_server: RedisServer, tmp_path: Path) -> None:
    target = Registry(write_config(tmp_path, redis_server.port, ",ssl=true")).redis()
    assert target.nodes == (("127.0.0.1", redis_server.port),)
    assert target.options == {"password": PASSWORD, "db": 0, "ssl": True}
    assert len(ROWS) == 4
