"""The serving checks pass on a healthy platform, and fail with the planted reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from kubernetes import client

from client.kube import api_client
from common import paths
from smoke.outputs import Outputs
from smoke.served import Served, load_spec, mlflow_credentials
from tests.cluster.smoke_support import breaches, passes, row, smoke
from tests.cluster.support import answers, mlp, online_store, until, without

PAUSE_MS = 100
"""Longer than the budget of features, shorter than the predictor's deadline: requests are answered late."""

GAP_SECONDS = 0.02
"""Time between two pauses for queued requests."""

ROUTES = ("gateway.networking.k8s.io", "v1", "data-science", "httproutes")


def command(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `mlp smoke --json` and return its exit status and its report."""
    done = mlp("smoke", *arguments, "--json")
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(autouse=True)
def mended(served: httpx.Client, keys: dict[str, str]) -> Iterator[None]:
    """Begin and end with a service that answers."""
    until("served", lambda: answers(served, keys))
    yield
    until("served again", lambda: answers(served, keys))


def test_a_healthy_platform_passes(platform: dict[str, Any]) -> None:
    """Runs all checks: `mlp up` has run them for the fixture `platform`, which fails with them."""
    names = ["serving-correctness", "serving-latency"]
    status, report = command(*names, "--seconds", "3")
    broken = [(row["name"], row["value"]) for check in report["checks"] for row in check["rows"] if not row["ok"]]
    assert status == 0, (broken, [check["reason"] for check in report["checks"]])
    assert [check["check"] for check in report["checks"]] == names
    assert all(check["ok"] and check["rows"] for check in report["checks"])
    assert (paths.REPORTS / "serving-latency-local.png").is_file()


@contextmanager
def held_back(core: client.CoreV1Api) -> Iterator[None]:
    """Let Redis answer only between pauses of PAUSE_MS while the block runs."""
    over = threading.Event()
    with online_store(core) as store:

        def pause() -> None:
            while not over.wait(GAP_SECONDS):
                store.client_pause(PAUSE_MS)
                store.ping()  # answered after the pause

        thread = threading.Thread(target=pause, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_slow_redis_breaches_the_latency_budget(platform: dict[str, Any], core: client.CoreV1Api) -> None:
    with held_back(core):
        result = smoke("serving-latency")
    assert not result.reason
    features = row(result, "features p99")
    assert not features.ok
    assert float(features.value) > platform["budgets"]["feature_ms"]
    assert row(result, "predict p99").ok, "the model is not at fault, and must not be accused"
    passes("serving-latency")


def test_an_absent_redis_is_named_with_its_503(
    apps: client.AppsV1Api, served: httpx.Client, keys: dict[str, str]
) -> None:
    with without(apps, "redis"):
        failed = row(smoke("serving-latency"), "failed of")
        status, report = command("serving-correctness")
    assert not failed.ok
    assert "503" in failed.name
    assert "online store redis.data.svc" in failed.name
    assert status == 1
    (check,) = report["checks"]
    assert "HTTP 503" in check["reason"]
    assert "online store redis.data.svc" in check["reason"]
    until("served again", lambda: answers(served, keys))
    passes("serving-correctness")


@contextmanager
def unrouted(platform: dict[str, Any], gone: Callable[[], bool]) -> Iterator[None]:
    """Delete the service's HTTPRoute while the block runs."""
    routes = client.CustomObjectsApi(api_client(platform["kubeconfig"]))
    found: dict[str, Any] = routes.get_namespaced_custom_object(*ROUTES, "flights")
    kept = ("name", "namespace", "labels", "annotations")
    found["metadata"] = {key: value for key, value in found["metadata"].items() if key in kept}
    found.pop("status", None)
    routes.delete_namespaced_custom_object(*ROUTES, "flights")
    try:
        until("the gateway without the route", gone)
        yield
    finally:
        routes.create_namespaced_custom_object(*ROUTES, found)


def test_a_missing_route_is_named_with_its_404(
    platform: dict[str, Any], served: httpx.Client, keys: dict[str, str]
) -> None:
    with unrouted(platform, lambda: not answers(served, keys)):
        failed = row(smoke("serving-latency"), "failed of")
        result = smoke("serving-correctness")
    assert not failed.ok
    assert "404" in failed.name
    assert "/serving/data-science/flights/v1/models/flights:predict: HTTP 404" in result.reason
    until("routed again", lambda: answers(served, keys))
    passes("serving-correctness")


@contextmanager
def another_champion(platform: dict[str, Any]) -> Iterator[str]:
    """Move the alias to a new version with another model, which the predictor does not serve, while the block runs."""
    import lightgbm
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient

    outputs = Outputs.model_validate(platform)
    served = Served(outputs, load_spec())
    name, alias, before = served.spec.registered_model, served.spec.alias, served.version
    requests, service = served.requests, served.feature_service
    with mlflow_credentials(outputs):
        registry = MlflowClient()
        uri = f"models:/{name}/{before.version}"
        signature = mlflow.models.get_model_info(uri).signature
        random = np.random.default_rng(7)
        columns = signature.inputs.input_names()
        rows = pd.DataFrame(random.random((200, len(columns))), columns=columns)
        data = lightgbm.Dataset(rows, label=random.integers(0, 2, 200))
        booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 3)
        with mlflow.start_run(experiment_id=registry.get_run(before.run_id).info.experiment_id) as run:
            mlflow.log_dict(requests, served.spec.requests_artifact)
            info = mlflow.lightgbm.log_model(
                booster,
                name="model",
                signature=signature,
                pip_requirements=["lightgbm"],
                metadata={"feature_service": service},
            )
        version = registry.create_model_version(name, info.model_uri, run.info.run_id, model_id=info.model_id).version
        try:
            with mlflow_credentials(outputs, "mlflow_promoter"):
                registry.set_registered_model_alias(name, alias, version)
            yield str(version)
        finally:
            with mlflow_credentials(outputs, "mlflow_promoter"):
                registry.set_registered_model_alias(name, alias, before.version)
            registry.delete_model_version(name, version)
            registry.delete_run(run.info.run_id)


def test_another_version_than_the_registered_one_is_a_wrong_version_and_a_wrong_value(
    platform: dict[str, Any], served: httpx.Client
) -> None:
    with another_champion(platform) as version:
        result = smoke("serving-correctness")
    assert not result.reason
    first = row(result, "served version")
    assert first.allowed == f"= {version}"
    assert first.value != version
    assert {failed.name for failed in breaches(result)} == {
        first.name,
        row(result, "largest difference to the registered model").name,
    }
    passes("serving-correctness")
