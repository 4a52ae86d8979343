"""Serving through the gateway: real features, a real model, both protocols."""

from __future__ import annotations

from typing import Any

import httpx
from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from tests.cluster.support import predict, until

STEP_CORES = 0.11
"""Requests of the pods of one step: its own container, and the executor."""


def test_a_prediction_comes_from_keys_alone(served: httpx.Client, keys: dict[str, str]) -> None:
    answer = predict(served, keys, parameters={"return_features": True})
    assert answer.status_code == 200, answer.text
    prediction = answer.json()["predictions"][0]
    assert 0.0 < prediction["probability"] < 1.0
    assert any(value is not None for value in prediction["features"].values())
    assert answer.headers["x-model-version"].isdigit()
    timed = {part.split(";")[0] for part in answer.headers["server-timing"].split(", ")}
    assert timed == {"features", "predict", "total"}


def test_both_protocols_agree(served: httpx.Client, keys: dict[str, str]) -> None:
    inputs = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in keys.items()]
    second = served.post("/v2/models/flights/infer", json={"inputs": inputs}).json()
    assert second["outputs"][0]["data"] == [predict(served, keys).json()["predictions"][0]["probability"]]


def test_every_pod_of_a_request_knows_its_health(served: httpx.Client) -> None:
    well = {"name": "flights", "ready": True, "dependencies": {"online_store": "ok", "registry": "ok"}}
    # An earlier test may have removed a store; the next request corrects the state of the predictor.
    until("well", lambda: served.get("/v2/health/ready").json() == well)
    assert served.get("/v2/health/live").status_code == 200


def test_the_node_has_room_for_a_rollout_during_a_step(
    platform: dict[str, Any], core: client.CoreV1Api, apps: client.AppsV1Api
) -> None:
    """A rollout needs the predictor's resources a second time; pods of a run must not wait for its end."""
    (node,) = core.list_node().items
    pods = core.list_pod_for_all_namespaces(field_selector="status.phase=Running").items
    taken = sum(cores(container) for pod in pods if not of_a_run(pod) for container in pod.spec.containers)
    predictor = apps.read_namespaced_deployment("flights-predictor", platform["default_team"])
    again = sum(cores(container) for container in predictor.spec.template.spec.containers)
    assert taken + again + STEP_CORES <= float(parse_quantity(node.status.allocatable["cpu"]))


def of_a_run(pod: client.V1Pod) -> bool:
    return "pipeline/runid" in (pod.metadata.labels or {})


def cores(container: client.V1Container) -> float:
    return float(parse_quantity((container.resources.requests or {}).get("cpu", "0")))
