"""Serving through the gateway: real features, a real model, both protocols."""

from __future__ import annotations

import httpx

from tests.cluster.support import predict, until


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
    # An earlier test may have taken a store away, which the next look at it corrects.
    until("well", lambda: served.get("/v2/health/ready").json() == well)
    assert served.get("/v2/health/live").status_code == 200
