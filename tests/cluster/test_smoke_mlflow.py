"""The MLflow check names the cause of a failure: credentials, the object store of artifacts, the server itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client

from smoke import mlflow_check
from smoke.outputs import Outputs, SecretName
from smoke.result import CheckFailed
from tests.cluster import inventory
from tests.cluster.smoke_support import passes, smoke
from tests.cluster.support import secret, until, without


def with_login(outputs: Outputs, where: SecretName) -> Outputs:
    """Return outputs whose team finds its MLflow login in another Secret."""
    team = outputs.teams[outputs.team]
    changed = team.model_copy(update={"credentials": {**team.credentials, "mlflow": where}})
    return outputs.model_copy(update={"teams": {outputs.team: changed}})


@pytest.fixture
def wrong_password(platform: dict[str, Any], core: client.CoreV1Api) -> Iterator[Outputs]:
    """Outputs that name a Secret with a wrong password."""
    outputs = Outputs.model_validate(platform)
    right = outputs.teams[outputs.team].credentials["mlflow"]
    name = f"wrong-password-{uuid.uuid4().hex[:6]}"
    data = secret(core, right.namespace, right.secret)
    body = {"metadata": {"name": name}, "stringData": {**data, "MLFLOW_TRACKING_PASSWORD": "wrong"}}
    core.create_namespaced_secret(right.namespace, body)
    wrong = SecretName(namespace=right.namespace, secret=name)
    yield with_login(outputs, wrong)
    core.delete_namespaced_secret(name, right.namespace)


def test_a_wrong_password_is_reported_as_401(wrong_password: Outputs) -> None:
    with pytest.raises(CheckFailed, match=r"could not create a run.*401"):
        mlflow_check.check(wrong_password)
    passes("mlflow")


def test_an_absent_secret_is_named(platform: dict[str, Any]) -> None:
    outputs = Outputs.model_validate(platform)
    absent = SecretName(namespace=outputs.team, secret="no-such-secret")
    with pytest.raises(CheckFailed, match=rf"Secret {outputs.team}/no-such-secret.*404"):
        mlflow_check.check(with_login(outputs, absent))


def kept(platform: dict[str, Any], core: client.CoreV1Api) -> set[str]:
    """Return the runs, and the objects of the models bucket."""
    found = inventory.data(platform, core)
    return found["runs"] | {entry for entry in found["objects"] if entry.startswith(platform["buckets"]["models"])}


def test_a_check_leaves_neither_a_run_nor_an_artifact(platform: dict[str, Any], core: client.CoreV1Api) -> None:
    before = kept(platform, core)
    passes("mlflow")
    assert kept(platform, core) == before


def test_an_absent_object_store_fails_the_artifact_and_nothing_before_it(
    platform: dict[str, Any], core: client.CoreV1Api, apps: client.AppsV1Api
) -> None:
    before = kept(platform, core)
    with without(apps, "s3"):
        result = smoke("mlflow")
    assert "could not upload and download an artifact" in result.reason
    assert kept(platform, core) == before, "a failed check leaves its run behind"
    passes("mlflow")


def test_an_absent_server_is_named_with_its_address(platform: dict[str, Any], apps: client.AppsV1Api) -> None:
    namespace = platform["namespaces"]["mlflow"]

    def scale(replicas: int) -> None:
        apps.patch_namespaced_deployment_scale("mlflow", namespace, {"spec": {"replicas": replicas}})

    def ready() -> int:
        return apps.read_namespaced_deployment("mlflow", namespace).status.ready_replicas or 0

    def away() -> bool:
        # A terminating pod is no longer ready, but may answer until its end.
        return httpx.get(f"{platform['urls']['mlflow']}/health", trust_env=False).status_code == 503

    scale(0)
    try:
        until("503 in place of MLflow", away)
        result = smoke("mlflow")
    finally:
        scale(1)
        until("MLflow ready again", lambda: ready() == 1, 120)
    assert f"could not create a run at {platform['urls']['mlflow']}" in result.reason
    assert "503" in result.reason
    passes("mlflow")
