"""Serving through the gateway: real features, real model, and what a user meets when a part below is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client

from mlp import paths
from smoke.kube import api_client

DATA = "data"
RETURN_SECONDS = 10.0
"""Time within which serving must be healthy once what it needs is back."""


@pytest.fixture(scope="module")
def served(platform: dict[str, Any]) -> Iterator[httpx.Client]:
    """A client of the reference workload's service."""
    command = [sys.executable, "-m", "mlp.cli", "workload", "run", "flights"]
    done = subprocess.run(command, check=False, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    base = f"{platform['urls']['serving'].rstrip('/')}/flights"
    with httpx.Client(base_url=base, timeout=10, trust_env=False) as http:
        yield http


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return yaml.safe_load((paths.ROOT / "workloads/flights/example.yaml").read_text())


@pytest.fixture(scope="module")
def apps(platform: dict[str, Any]) -> client.AppsV1Api:
    return client.AppsV1Api(api_client(platform["kubeconfig"]))


def predict(served: httpx.Client, *instances: dict[str, Any], **more: Any) -> httpx.Response:
    return served.post("/v1/models/flights:predict", json={"instances": list(instances), **more})


def until(what: str, true: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; return the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not {what} within {seconds:g} s"
        time.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def without(apps: client.AppsV1Api, name: str) -> Iterator[None]:
    """Scale a store of the local substrate to nothing for the duration of the block, and wait for its return."""

    def scale(replicas: int) -> None:
        apps.patch_namespaced_stateful_set_scale(name, DATA, {"spec": {"replicas": replicas}})
        until(f"{name} at {replicas}", lambda: pods(apps, name) == (replicas, replicas), 120)

    scale(0)
    try:
        yield
    finally:
        scale(1)


def pods(apps: client.AppsV1Api, name: str) -> tuple[int, int]:
    """Return how many pods there are, and how many of them are ready."""
    status = apps.read_namespaced_stateful_set(name, DATA).status
    return status.replicas or 0, status.ready_replicas or 0


def test_a_prediction_comes_from_keys_alone(served: httpx.Client, keys: dict[str, str]) -> None:
    answer = predict(served, keys, parameters={"return_features": True})
    assert answer.status_code == 200, answer.text
    prediction = answer.json()["predictions"][0]
    assert 0.0 < prediction["probability"] < 1.0
    assert any(value is not None for value in prediction["features"].values())
    assert answer.headers["x-model-version"].isdigit()
    assert {part.split(";")[0] for part in answer.headers["server-timing"].split(", ")} == {
        "features",
        "predict",
        "total",
    }


def test_both_protocols_agree(served: httpx.Client, keys: dict[str, str]) -> None:
    inputs = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in keys.items()]
    second = served.post("/v2/models/flights/infer", json={"inputs": inputs}).json()
    assert second["outputs"][0]["data"] == [predict(served, keys).json()["predictions"][0]["probability"]]


def test_bad_requests_are_refused_by_name_through_the_gateway(served: httpx.Client, keys: dict[str, str]) -> None:
    name = next(iter(keys))
    cases = [
        ({"instances": [{**keys, "tailnum": "NO-SUCH"}]}, 404, "tailnum"),
        ({"instances": [{key: value for key, value in keys.items() if key != name}]}, 422, name),
        ({"instances": [{**keys, name: 7}]}, 422, name),
        ({"instances": [{**keys, "extra": 7}]}, 422, "extra"),
    ]
    for body, status, field in cases:
        answer = served.post("/v1/models/flights:predict", json=body)
        assert (answer.status_code, answer.json()["field"]) == (status, field)
        assert "predictions" not in answer.json()
    json = {"content-type": "application/json"}
    assert served.post("/v1/models/flights:predict", content=b"{", headers=json).status_code == 400
    assert served.post("/v1/models/flights:predict", content=b"{}", headers={"content-type": "x/y"}).status_code == 415
    large = served.post("/v1/models/flights:predict", content=b"x" * 10_485_760, headers=json)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")


def test_redis_gone_is_503_with_the_reason_and_well_again_soon_after(
    served: httpx.Client, keys: dict[str, str], apps: client.AppsV1Api
) -> None:
    before = predict(served, keys).json()["predictions"]
    with without(apps, "redis"):
        answer = predict(served, keys)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert "redis" in answer.json()["error"]
    until("served again", lambda: predict(served, keys).status_code == 200, RETURN_SECONDS)
    assert predict(served, keys).json()["predictions"] == before


def test_postgres_gone_changes_nothing_for_a_running_predictor(
    served: httpx.Client, keys: dict[str, str], apps: client.AppsV1Api
) -> None:
    with without(apps, "postgres"):
        assert predict(served, keys).status_code == 200
        assert served.get("/v2/health/ready").status_code == 200
    assert predict(served, keys).status_code == 200
