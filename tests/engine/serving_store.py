"""A real Redis and a real Feast repository on loopback, for the serving tests."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.engine.debian_programs import unpacked, with_libraries

PASSWORD = "s3cr=t"
OLD = datetime(2013, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""Far beyond every ttl below."""


REDIS = (
    "redis-tools",
    "libjemalloc2",
    "liblzf1",
    "liblua5.1-0",
    "lua-bitop",
    "lua-cjson",
    "libhiredis0.14",
    "libatomic1",
)
"""Debian's server without its service: `redis-check-rdb` is the server under another name."""


def redis_binary(folder: Path) -> Path:
    """Return the server, as a link in `folder` by whose name the program knows what to be."""
    link = folder / "redis-server"
    link.symlink_to(unpacked(*REDIS) / "usr" / "bin" / "redis-check-rdb")
    return link


class RedisServer:
    """A redis-server process on a port of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.binary = redis_binary(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it."""
        command = [str(self.binary), "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        log = (self.folder / "redis.log").open("ab")
        environment = with_libraries(unpacked(*REDIS))
        self.process = subprocess.Popen(
            [*command, *self.arguments], cwd=self.folder, env=environment, stdout=log, stderr=log
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + 20
        client = redis.Redis(port=self.port, password=PASSWORD)
        while True:
            with contextlib.suppress(redis.RedisError):
                client.ping()
                break
            assert time.monotonic() < deadline, (
                f"Redis did not answer: {(self.folder / 'redis.log').read_text()[-500:]}"
            )
            time.sleep(0.02)
        client.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; SIGSTOP hangs it."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """Save and end it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    @property
    def client(self) -> redis.Redis:
        """A client of one's own."""
        return redis.Redis(port=self.port, password=PASSWORD)


def write_config(folder: Path, port: int, extra: str = "") -> Path:
    """Write a feature_store.yaml over a SQL registry and a Redis online store."""
    file = folder / "feature_store.yaml"
    file.write_text(
        f"""project: demo
provider: local
registry:
  registry_type: sql
  path: sqlite:///{folder}/registry.db
  cache_ttl_seconds: 60
offline_store:
  type: file
online_store:
  type: redis
  connection_string: 127.0.0.1:{port},password={PASSWORD},db=0{extra}
entity_key_serialization_version: 3
"""
    )
    return file


def objects() -> list[Any]:
    """Return a repository with one, two and integer join keys, a join key map, an alias and many types."""
    from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
    from feast.types import Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

    aircraft = Entity(name="aircraft", join_keys=["tailnum"], value_type=ValueType.STRING)
    origin = Entity(name="origin_airport", join_keys=["origin"], value_type=ValueType.STRING)
    dest = Entity(name="dest_airport", join_keys=["dest"], value_type=ValueType.STRING)
    carrier = Entity(name="carrier", join_keys=["carrier_id"], value_type=ValueType.INT64)

    def source(name: str) -> FileSource:
        return FileSource(name=name, path=f"/nowhere/{name}.parquet", timestamp_field="event_timestamp")

    def make(name: str, entities: list[Entity], fields: dict[str, Any]) -> FeatureView:
        keys = {"tailnum": String, "origin": String, "dest": String, "carrier_id": Int64}
        own = [Field(name=key, dtype=keys[key]) for entity in entities for key in [entity.join_key]]
        schema = own + [Field(name=field, dtype=dtype) for field, dtype in fields.items()]
        return FeatureView(
            name=name, entities=entities, schema=schema, source=source(name), ttl=timedelta(hours=1), online=True
        )

    aircraft_stats = make("aircraft_stats", [aircraft], {"seats": Int64, "age": Float64, "big": Bool, "maker": String})
    route_stats = make("route_stats", [origin, dest], {"delay_mean": Float32, "flights": Int32})
    weather = make("weather", [origin], {"wind": Float64, "observed": UnixTimestamp})
    carrier_stats = make("carrier_stats", [carrier], {"fleet": Int64})
    service = FeatureService(
        name="flight_delay_v1",
        features=[
            aircraft_stats,
            route_stats,
            weather.with_name("origin_weather")[["wind"]],
            weather.with_name("dest_weather").with_join_key_map({"origin": "dest"})[["observed"]],
            carrier_stats,
        ],
    )
    return [aircraft, origin, dest, carrier, aircraft_stats, route_stats, weather, carrier_stats, service]


ROWS: dict[str, list[dict[str, Any]]] = {
    "aircraft_stats": [
        {"tailnum": "N1", "seats": 100, "age": 12.345678901234567, "big": True, "maker": "Aïrbus ✈"},
        {"tailnum": "N2", "seats": None, "age": None, "big": None, "maker": None},
        {"tailnum": "", "seats": -(1 << 62), "age": 5e-324, "big": False, "maker": ""},
    ],
    "route_stats": [
        {"origin": "JFK", "dest": "CLT", "delay_mean": 0.1, "flights": -5},
        {"origin": "CLT", "dest": "JFK", "delay_mean": 3.4e38, "flights": 2**31 - 1},
    ],
    "weather": [
        {"origin": "JFK", "wind": 1e-300, "observed": datetime(2013, 5, 1, 7, tzinfo=UTC)},
        {"origin": "CLT", "wind": -0.0, "observed": datetime(1960, 5, 1, 7, tzinfo=UTC)},
    ],
    "carrier_stats": [{"carrier_id": -3, "fleet": 7}, {"carrier_id": 2**62, "fleet": 0}],
}


def fill(store: Any) -> None:
    """Write `ROWS` as materialization does: through the online store, by Feast's own conversion of values."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.type_map import python_values_to_proto_values

    for name, rows in ROWS.items():
        view = store.get_feature_view(name)
        types = {column.name: column.dtype.to_value_type() for column in [*view.entity_columns, *view.features]}
        batch = []
        for row in rows:
            protos = {key: python_values_to_proto_values([value], types[key])[0] for key, value in row.items()}
            keys = [column.name for column in view.entity_columns]
            entity = EntityKey(join_keys=keys, entity_values=[protos.pop(key) for key in keys])
            batch.append((entity, protos, OLD, None))
        store._get_provider().online_write_batch(store.config, view, batch, None)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def feature_store(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from feast import FeatureStore

    folder = tmp_path_factory.mktemp("feast")
    store = FeatureStore(fs_yaml_file=write_config(folder, redis_server.port))
    store.test_folder = folder
    store.apply(objects())
    fill(store)
    return store
