"""Fixtures of the serving tests: a model folder, a plan, an in-process client, a sender of request bodies."""

from __future__ import annotations

import struct
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import yaml

from services.predictor.app import App
from services.predictor.errors import StoreUnavailable
from services.predictor.keys import KeyType
from services.predictor.metrics import Metrics
from services.predictor.model import Model, load
from services.predictor.plan import KeyField, Plan, Row, ViewPlan
from services.predictor.reader import Features, Missing
from services.predictor.settings import Settings
from services.predictor.state import State, bind

COLUMNS = ("seats", "delay_mean", "wind")
FIELDS = (
    KeyField(name="dest", type=KeyType.STRING),
    KeyField(name="origin", type=KeyType.STRING),
    KeyField(name="tailnum", type=KeyType.STRING),
)


def write_model(folder: Path, columns: Sequence[str] = COLUMNS, **metadata: str) -> Path:
    """Train a small booster and write it in MLflow's layout."""
    import lightgbm

    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(400, len(columns)))
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    target = (np.nan_to_num(inputs).sum(axis=1) > 0).astype(float)
    data = lightgbm.Dataset(inputs, target, feature_name=list(columns))
    options = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 7, "seed": 1}
    booster = lightgbm.train(options, data, num_boost_round=20)
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(str(folder / "model.lgb"))
    inputs_schema = [{"type": "double", "name": name, "required": True} for name in columns]
    document = {
        "flavors": {"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}},
        "metadata": {"feature_service": "flight_delay_v1", **metadata},
        "model_id": "m-123",
        "signature": {"inputs": orjson.dumps(inputs_schema).decode()},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    (folder / "registered_model_meta").write_text("model_name: flight-delay\nmodel_version: '3'\n")
    return folder


def view(name: str, positions: tuple[int, ...], features: tuple[str, ...], dtype: str = "Float64") -> ViewPlan:
    """Return a view over string keys."""
    asked = tuple(FIELDS[place].name for place in positions)
    return ViewPlan(
        name=name,
        entities=(name.removesuffix("_stats"),),
        join_keys=asked,
        request_fields=asked,
        key_prefix=name.encode(),
        key_suffix=b"project",
        positions=positions,
        types=(KeyType.STRING,) * len(positions),
        features=features,
        dtypes=(dtype,) * len(features),
        fields=(*(feature.encode() for feature in features), b"_ts"),
    )


def plan(*views: ViewPlan) -> Plan:
    """Return a plan whose stored values are plain little-endian doubles."""
    return Plan(
        service="flight_delay_v1",
        key_fields=FIELDS,
        views=views or (view("aircraft_stats", (2,), ("seats",)), view("route_stats", (0, 1), ("delay_mean", "wind"))),
        decode=lambda data: struct.unpack("<d", data)[0],
        decode_timestamp=lambda data: struct.unpack("<d", data)[0],
    )


class FakeReader:
    """Reader that answers from a dict of `(view, key values) -> values`, or raises as if the store were down."""

    def __init__(self, data: dict[tuple[str, ...], list[Any]]) -> None:
        self.data = data
        self.down: str | None = None

    async def read(self, plan: Plan, rows: Sequence[Row]) -> Features:
        if self.down:
            raise StoreUnavailable(self.down)
        out: list[list[Any]] = []
        stamps: list[list[bytes | None]] = []
        missing = []
        for instance, row in enumerate(rows):
            values: list[Any] = []
            times: list[bytes | None] = []
            for item in plan.views:
                found = self.data.get((item.name, *(str(value) for value in item.entity_key(row).values())))
                if found is None:
                    missing.append(Missing(instance, item))
                values += found or [None] * len(item.features)
                times.append(struct.pack("<d", 1.5) if found else None)
            out.append(values)
            stamps.append(times)
        return Features(out, missing, stamps)

    async def close(self) -> None:
        pass


DATA = {
    ("aircraft_stats", "N1"): [100.0],
    ("aircraft_stats", "N2"): [None],
    ("route_stats", "CLT", "JFK"): [0.25, 3.0],
}


def application(model: Model, settings: Settings | None = None) -> tuple[App, State]:
    """Return an application that is ready, over a `FakeReader`."""
    metrics = Metrics()
    state = State(settings or Settings(model_name="flights"), metrics)
    state.bound = bind(model, plan())
    state.reason = None
    state.reader = FakeReader(DATA)  # type: ignore[assignment]
    return App(state, metrics), state


class Answer:
    """A response of the application."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.read = 0

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def call(
    app: App,
    path: str,
    body: Any = None,
    *,
    method: str | None = None,
    media: str | None = "application/json",
    chunks: Sequence[bytes] | None = None,
    length: int | None = None,
) -> Answer:
    """Send one request to the application."""
    payload = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
    pieces = list(chunks) if chunks is not None else [payload]
    headers = [(b"content-type", media.encode())] if media else []
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    answer = Answer()

    async def receive() -> MutableMapping[str, Any]:
        if answer.read >= len(pieces):
            return {"type": "http.disconnect"}
        answer.read += 1
        return {"type": "http.request", "body": pieces[answer.read - 1], "more_body": answer.read < len(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    verb = method or ("POST" if body is not None or chunks is not None else "GET")
    await app({"type": "http", "method": verb, "path": path, "headers": headers}, receive, send)
    return answer


__all__ = ["COLUMNS", "DATA", "FIELDS", "Answer", "FakeReader", "application", "call", "load", "plan", "view"]
