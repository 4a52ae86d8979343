"""The predictor's process as in a pod, with a real Redis, registry and sockets, and failures of these."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.serving_store import RedisServer, feature_store, redis_server, write_config
from tests.serving_fixtures import write_model

__all__ = ["feature_store", "redis_server"]

ROOT = Path(__file__).parents[2]
COLUMNS = ("wind", "seats", "delay_mean", "fleet", "flights")
GOOD = {"tailnum": "N1", "origin": "JFK", "dest": "CLT", "carrier_id": -3}
FEATURES = [1e-300, 100.0, 0.10000000149011612, 7.0, -5.0]
PREDICT = "/v1/models/flights:predict"


class Process:
    """A process `python -m services.predictor` on a free port."""

    def __init__(self, folder: Path, config: Path, model: Path, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.log = folder / "serving.log"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MODEL_NAME": "flights",
            "MODEL_DIR": str(model),
            "FEAST_CONFIG": str(config),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DRAIN_SECONDS": "1",
            "HOME": str(folder),
            **settings,
        }
        command = [sys.executable, "-m", "services.predictor"]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stderr=self.log.open("wb"))
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def ready(self) -> httpx.Response:
        return self.client.get("/v2/health/ready")

    def wait(self, what: str, true: Callable[[], bool], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.TransportError):
                if true():
                    return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"not {what} after {seconds} s:\n{self.log.read_text()}"
            time.sleep(0.05)

    def predict(self, *instances: dict[str, Any], **more: Any) -> httpx.Response:
        return self.client.post(PREDICT, json={"instances": list(instances or (GOOD,)), **more})

    def stop(self) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), COLUMNS)


@pytest.fixture(scope="module")
def server(feature_store: Any, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("process")
    process = Process(folder, feature_store.test_folder / "feature_store.yaml", model)
    process.wait("ready", lambda: process.ready().status_code == 200)
    yield process
    assert process.stop() == 0
    assert "internal" not in process.log.read_text()


def probability(model: Path, *rows: list[float]) -> list[float]:
    import lightgbm

    return lightgbm.Booster(model_file=str(model / "model.lgb")).predict(list(rows)).tolist()


def test_a_prediction_is_the_model_applied_to_the_stored_features(server: Process, model: Path) -> None:
    answer = server.predict(parameters={"return_features": True})
    assert answer.status_code == 200
    prediction = answer.json()["predictions"][0]
    assert [prediction["features"][column] for column in COLUMNS] == FEATURES
    assert prediction["probability"] == probability(model, FEATURES)[0]
    assert prediction["event_timestamps"]["aircraft_stats"] == pytest.approx(1357041600.123456, abs=1e-6)
    assert answer.headers["x-model-version"] == "3"
    assert answer.headers["server-timing"].startswith("features;dur=")


def test_nulls_and_repeated_entities_in_one_request(server: Process, model: Path) -> None:
    answer = server.predict(GOOD, {**GOOD, "tailnum": "N2"}, GOOD)
    nulls = [float("nan") if place == 1 else value for place, value in enumerate(FEATURES)]
    assert [item["probability"] for item in answer.json()["predictions"]] == probability(
        model, FEATURES, nulls, FEATURES
    )


def test_an_unknown_key_is_404_and_an_ill_typed_one_422(server: Process) -> None:
    missing = server.predict({**GOOD, "carrier_id": 1})
    assert (missing.status_code, missing.json()["key"]) == (404, {"carrier_id": 1})
    wrong = server.predict({**GOOD, "carrier_id": "1"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "carrier_id")
    assert server.predict({**GOOD, "carrier_id": 2**63}).status_code == 422
    assert server.predict({**GOOD, "carrier_id": True}).status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_refused_and_the_client_reads_why(server: Process, chunked: bool) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(160):
            yield b"x" * 65536

    content: Any = body() if chunked else b"x" * 10_485_760
    answer = server.client.post(PREDICT, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert server.predict().status_code == 200


def test_half_a_request_then_silence_leaves_the_others_served(server: Process) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".encode())
        half.sendall(b"content-length: 100\r\n\r\n{")
        assert server.predict().status_code == 200
    assert server.predict().status_code == 200


def test_connections_that_redis_has_closed_are_replaced_unseen(server: Process, redis_server: RedisServer) -> None:
    assert server.predict().status_code == 200
    with redis_server.client as client:
        client.client_kill_filter(_type="normal", skipme=True)
    assert [server.predict().status_code for _ in range(5)] == [200] * 5


def test_redis_killed_is_503_with_the_reason_and_200_when_back(server: Process, redis_server: RedisServer) -> None:
    redis_server.client.save()
    redis_server.stop()
    try:
        answers = [server.predict() for _ in range(20)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["code"] for answer in answers} == {"store_unavailable"}
        assert f"127.0.0.1:{redis_server.port}" in answers[0].json()["error"]
        ready = server.ready()
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["online_store"] != "ok"
    finally:
        redis_server.start()
    server.wait("served again", lambda: server.predict().status_code == 200, 10)
    assert server.ready().json()["dependencies"]["online_store"] == "ok"


def test_a_redis_that_hangs_is_503_within_the_timeout(server: Process, redis_server: RedisServer) -> None:
    assert server.predict().status_code == 200
    redis_server.signal(signal.SIGSTOP)
    try:
        answer = server.predict()
        assert answer.status_code == 503
        assert "did not answer within 250 ms" in answer.json()["error"]
        spent = float(answer.headers["server-timing"].removeprefix("total;dur="))
        assert 200 < spent < 2000
        # Later requests do not wait for a store that is known to be down.
        quick = [float(server.predict().headers["server-timing"].removeprefix("total;dur=")) for _ in range(10)]
        assert sorted(quick)[5] < 200
    finally:
        redis_server.signal(signal.SIGCONT)
    server.wait("served again", lambda: server.predict().status_code == 200, 10)
    assert all(server.predict().status_code == 200 for _ in range(20))


def test_attempts_to_reach_a_redis_that_is_down_do_not_grow_with_the_load(
    server: Process, redis_server: RedisServer
) -> None:
    redis_server.client.save()
    redis_server.stop()
    attempts = 0
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", redis_server.port))
            listener.listen(128)
            listener.settimeout(0.02)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                for _ in range(20):
                    assert server.predict().status_code == 503
                with contextlib.suppress(TimeoutError):
                    while True:
                        listener.accept()[0].close()
                        attempts += 1
    finally:
        redis_server.start()
    assert 0 < attempts < 100
    server.wait("served again", lambda: server.predict().status_code == 200, 10)


def test_a_registry_that_is_down_at_start_is_reported_and_retried(
    redis_server: RedisServer, feature_store: Any, model: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, redis_server.port)
    registry = tmp_path / "registry.db"
    registry.mkdir()
    process = Process(tmp_path, config, model, REFRESH_SECONDS="1")
    try:
        process.wait("reporting the reason", lambda: "registry cannot be read" in process.ready().text)
        refused = process.predict()
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert "registry" in refused.json()["error"]
        registry.rmdir()
        registry.write_bytes((feature_store.test_folder / "registry.db").read_bytes())
        process.wait("ready", lambda: process.ready().status_code == 200)
        assert process.predict().status_code == 200

        # When the registry fails later, the last plan stays in use.
        good = registry.read_bytes()
        registry.write_bytes(b"not a database" * 1000)
        process.wait(
            "reporting the registry's failure", lambda: process.ready().json()["dependencies"]["registry"] != "ok"
        )
        assert process.ready().status_code == 200
        assert process.predict().status_code == 200
        registry.write_bytes(good)
        process.wait("healthy again", lambda: process.ready().json()["dependencies"]["registry"] == "ok")
    finally:
        process.stop()


def test_a_service_that_changes_under_the_model_takes_readiness_away(
    redis_server: RedisServer, feature_store: Any, model: Path, tmp_path: Path
) -> None:
    from feast import FeatureService, FeatureStore

    config = write_config(tmp_path, redis_server.port)
    (tmp_path / "registry.db").write_bytes((feature_store.test_folder / "registry.db").read_bytes())
    process = Process(tmp_path, config, model, REFRESH_SECONDS="1")
    try:
        process.wait("ready", lambda: process.ready().status_code == 200)
        store = FeatureStore(fs_yaml_file=config)
        before = store.get_feature_service("flight_delay_v1")
        view = store.get_feature_view("aircraft_stats")
        store.apply([FeatureService(name="flight_delay_v1", features=[view])])
        process.wait("not ready", lambda: process.ready().status_code == 503)
        assert "no longer has the model's inputs wind" in process.ready().json()["reason"]
        assert process.predict().status_code == 503
        store.apply([before])
        process.wait("ready again", lambda: process.ready().status_code == 200)
        assert process.predict().status_code == 200
    finally:
        process.stop()


def test_sigterm_drains(redis_server: RedisServer, feature_store: Any, model: Path, tmp_path: Path) -> None:
    process = Process(tmp_path, feature_store.test_folder / "feature_store.yaml", model, DRAIN_SECONDS="2")
    try:
        process.wait("ready", lambda: process.ready().status_code == 200)
        process.process.terminate()
        process.wait("draining", lambda: process.ready().status_code == 503)
        assert process.predict().status_code == 200
        assert process.process.wait(20) == 0
        assert '"event":"stopped"' in process.log.read_text()
    finally:
        process.stop()


def test_a_bad_setting_ends_it_at_once(tmp_path: Path, model: Path) -> None:
    process = Process(tmp_path, tmp_path / "none.yaml", model, FEATURE_TIMEOUT_MS="fast")
    assert process.process.wait(20) == 2
    assert "FEATURE_TIMEOUT_MS is 'fast'; allowed: a whole number from 1 to 60000" in process.log.read_text()
