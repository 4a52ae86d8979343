"""Without one of the applications that a pipeline run needs, the check `pipeline-run` fails with that reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.support import GONE_SECONDS, mlp, soak, until, without


def broken() -> dict[str, Any]:
    """Run the check, which must fail; return its report."""
    done = mlp("smoke", "pipeline-run", "--json")
    (check,) = json.loads(done.stdout)["checks"]
    assert done.returncode == 1
    assert not check["ok"]
    return check


def reason() -> str:
    """Run the check, which must fail; return the reason."""
    return str(broken()["reason"])


@contextmanager
def without_deployment(apps: client.AppsV1Api, name: str, namespace: str) -> Iterator[None]:
    """Scale a Deployment to zero while the block runs."""
    wanted = apps.read_namespaced_deployment(name, namespace).spec.replicas

    def scale(replicas: int) -> None:
        apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": replicas}})

        def reached() -> bool:
            return (apps.read_namespaced_deployment(name, namespace).status.ready_replicas or 0) == replicas

        until(f"{name} at {replicas} ready pods", reached, GONE_SECONDS)

    try:
        scale(0)
        yield
    finally:
        scale(wanted)


@pytest.fixture(autouse=True)
def up(platform: dict[str, Any]) -> None:
    assert "pipelines" in platform["urls"]


def test_s3_gone(apps: client.AppsV1Api) -> None:
    with without(apps, "s3"):
        assert "cannot read s3://" in reason()


@soak
def test_mysql_gone(apps: client.AppsV1Api) -> None:
    with without(apps, "mysql"):
        message = reason()
    assert "Kubeflow Pipelines" in message
    assert ":3306" in message


@soak
def test_mlflow_gone(apps: client.AppsV1Api) -> None:
    with without_deployment(apps, "mlflow", "mlflow"):
        message = reason()
    assert "load-features" in message
    assert "mlflow" in message


@soak
def test_feast_gone(apps: client.AppsV1Api) -> None:
    with without_deployment(apps, "feast", "feast"):
        assert "/feast/get-online-features" in reason()


@soak
def test_ml_metadata_gone(apps: client.AppsV1Api) -> None:
    with without_deployment(apps, "metadata-grpc-service", "kubeflow"):
        message = reason()
    assert "driver" in message
    assert "rpc error: code = Unavailable" in message


@soak
def test_kserve_gone(apps: client.AppsV1Api) -> None:
    """KServe is the last in the chain: the rows found before stay in the report."""
    with without_deployment(apps, "kserve-controller-manager", "kserve"):
        check = broken()
    assert "cannot be deployed" in check["reason"]
    assert "kserve" in check["reason"]
    assert {"steps run", "versions registered by it"} <= {row["name"] for row in check["rows"]}


@soak
def test_the_workflow_controller_gone(apps: client.AppsV1Api) -> None:
    with without_deployment(apps, "workflow-controller", "kubeflow"):
        done = mlp("pipeline", "run", "flights", "--timeout", "65")
    assert done.returncode == 1
    assert "no pod yet; the workflow controller creates the pods" in done.stdout
    assert "so it was cancelled" in done.stdout
