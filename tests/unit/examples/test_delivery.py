"""Delivery of the workload: what is deployed, when nothing is to be done, and errors."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import (
    V1ContainerState,
    V1ContainerStateWaiting,
    V1ContainerStatus,
    V1Pod,
    V1PodStatus,
)

from client import platform as platforms
from client import runner
from client.job import DIGEST, JobSpec, manifest
from client.platform import Platform
from common.errors import UserError
from examples.flights import delivery, deploy, environment, manifests, parameters
from examples.flights.features.catalog import FEATURE_NAMES, KEYS, VIEW_KEYS
from examples.flights.tracking import RegisteredVersion, storage_uri

OUTPUTS: dict[str, Any] = {
    "schema": 2,
    "environment": "local",
    "kubeconfig": "/nowhere/kubeconfig",
    "urls": {"serving": "http://127.0.0.1:9/serving/", "mlflow": "http://127.0.0.1:9/mlflow"},
    "namespaces": {"mlflow": "mlflow"},
    "credentials": {"pipelines": {"namespace": "kubeflow", "secret": "pipelines-client"}},
    "teams": {"red": {"namespace": "red", "credentials": {}}, "blue": {"namespace": "blue", "credentials": {}}},
    "default_team": "red",
    "buckets": {"models": "mlplatform-local-models"},
}
PLATFORM = Platform("local", OUTPUTS, "red")
CHAMPION = RegisteredVersion(name="flight-delay", version="3", artifacts="mlflow-artifacts:/1/models/m-0a/artifacts")
SPEC = JobSpec(name="flights-run-all", image="job:1", command=["python", "-m", "examples.flights", "run-all"])


def ready_service(mark: str = "mark") -> dict[str, Any]:
    service = manifests.inference_service(CHAMPION, PLATFORM, mark)
    service["metadata"]["generation"] = 2
    service["status"] = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}
    return service


@pytest.mark.parametrize(
    ("artifacts", "address"),
    [
        ("mlflow-artifacts:/1/models/m-0a/artifacts", "s3://models/1/models/m-0a/artifacts"),
        ("mlflow-artifacts://host:5000/mlflow-artifacts/1/models/m/artifacts", "s3://models/1/models/m/artifacts"),
        ("s3://elsewhere/1/models/m-0a/artifacts", "s3://elsewhere/1/models/m-0a/artifacts"),
    ],
)
def test_address_that_kserve_can_load(artifacts: str, address: str) -> None:
    assert storage_uri(artifacts, "models") == address


def test_address_that_kserve_cannot_load() -> None:
    with pytest.raises(UserError, match="file:///tmp/model"):
        storage_uri("file:///tmp/model", "models")


def test_the_champion_is_what_is_deployed() -> None:
    service = manifests.inference_service(CHAMPION, PLATFORM, "mark")
    model = service["spec"]["predictor"]["model"]
    assert model["storageUri"] == "s3://mlplatform-local-models/1/models/m-0a/artifacts"
    assert model["runtime"] == "mlplatform"
    assert {"name": "MODEL_VERSION", "value": "3"} in model["env"]
    assert "resources" not in model, "the platform's settings say how large predictors are"
    rule = manifests.route(PLATFORM)["spec"]["rules"][0]
    assert rule["matches"][0]["path"]["value"] == "/serving/red/flights"
    assert rule["backendRefs"][0]["name"] == "flights-predictor"


def test_nothing_is_outdated_right_after_a_deployment() -> None:
    assert not delivery.outdated(ready_service(), CHAMPION, PLATFORM, "mark")


@pytest.mark.parametrize(
    ("champion", "mark"),
    [
        (CHAMPION, "other code"),
        (RegisteredVersion(name="flight-delay", version="4", artifacts=CHAMPION.artifacts), "mark"),
        (RegisteredVersion(name="flight-delay", version="3", artifacts="s3://b/other"), "mark"),
    ],
)
def test_another_image_version_or_model_is_outdated(champion: RegisteredVersion, mark: str) -> None:
    assert delivery.outdated(ready_service(), champion, PLATFORM, mark)


def test_what_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {"service": None, "lacking": None, "answer": "connection refused"}

    def current(_: Platform) -> dict[str, Any] | None:
        return found["service"]

    def predict(_: Platform, request: dict[str, str]) -> object:
        assert set(request) == set(KEYS)
        return found["answer"]

    def not_serving(_: Platform) -> str | None:
        return found["lacking"]

    monkeypatch.setattr(deploy, "current", current)
    monkeypatch.setattr(deploy, "predict", predict)
    monkeypatch.setattr(deploy, "not_serving", not_serving)
    assert delivery.pending(PLATFORM, None, "mark") == "no model is registered"
    assert delivery.pending(PLATFORM, CHAMPION, "mark") == "the model is not deployed"
    found["service"] = ready_service()
    assert delivery.pending(PLATFORM, CHAMPION, "other") == "code, data or model changed"
    assert delivery.pending(PLATFORM, CHAMPION, "mark") == "connection refused"
    found["lacking"] = "0 of 1 pods are of the new revision"
    assert delivery.pending(PLATFORM, CHAMPION, "mark") == "0 of 1 pods are of the new revision"
    found["lacking"] = None
    found["answer"] = SimpleNamespace(status_code=503, text="redis is down", url="http://x", headers={})
    assert "503 redis is down" in str(delivery.pending(PLATFORM, CHAMPION, "mark"))
    found["answer"] = SimpleNamespace(status_code=200, headers={"x-model-version": "2"})
    assert delivery.pending(PLATFORM, CHAMPION, "mark") == "version 2 answers, not 3"
    found["answer"] = SimpleNamespace(status_code=200, headers={"x-model-version": "3"})
    assert delivery.pending(PLATFORM, CHAMPION, "mark") is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}, None),
        (
            {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1},
            "has not processed its Deployment",
        ),
        ({"observedGeneration": 2, "availableReplicas": 1, "replicas": 1}, "0 of 1 pods are of the new revision"),
        ({"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 2}, "2 in total"),
        ({"observedGeneration": 2, "updatedReplicas": 1, "replicas": 1}, "0 available"),
    ],
)
def test_a_roll_out_is_over_when_all_pods_are_of_the_new_revision(status: dict[str, int], reason: str | None) -> None:
    found = deploy.rollout_pending({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status})
    assert found is None if reason is None else reason in str(found)
    assert deploy.rollout_pending(None) == "its Deployment does not exist yet"


def test_an_unready_service_has_a_reason() -> None:
    service = ready_service()
    assert deploy.unready(service) is None
    service["metadata"]["generation"] = 3
    assert deploy.unready(service) == "KServe has not processed the InferenceService yet"
    service["status"] = {
        "observedGeneration": 3,
        "conditions": [{"type": "Ready", "status": "False", "reason": "PredictorNotReady"}],
        "modelStatus": {"lastFailureInfo": {"reason": "ModelLoadFailed", "message": "no MLmodel file"}},
    }
    assert deploy.unready(service) == "Ready: PredictorNotReady; model: ModelLoadFailed no MLmodel file"


def test_a_job_has_the_platform_s_configuration_and_no_privileges() -> None:
    job = manifest(SPEC, "red")
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    sources = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert sources == ["platform", "object-store-jobs", "mlflow-client"]
    assert pod["serviceAccountName"] == "jobs"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["resources"]["requests"]["cpu"]
    assert job["spec"]["backoffLimit"] == 0


def test_a_job_differs_from_one_with_another_spec() -> None:
    other = JobSpec(name=SPEC.name, image="job:2", command=SPEC.command)
    labels = [manifest(spec, "red")["metadata"]["labels"][DIGEST] for spec in (SPEC, SPEC, other)]
    assert labels[0] == labels[1] != labels[2]


def condition(**fields: str) -> SimpleNamespace:
    return SimpleNamespace(**{"status": "True", "reason": "", "message": "", **fields})


def test_outcome_of_a_job() -> None:
    assert runner.outcome(SimpleNamespace(status=SimpleNamespace(conditions=None))) is None
    complete = SimpleNamespace(status=SimpleNamespace(conditions=[condition(type="Complete")]))
    assert runner.outcome(complete) == "Complete"
    failed = [condition(type="Failed", reason="DeadlineExceeded", message="was active too long")]
    assert runner.outcome(SimpleNamespace(status=SimpleNamespace(conditions=failed))) == (
        "DeadlineExceeded: was active too long"
    )


def waiting_pod(reason: str) -> V1Pod:
    state = V1ContainerState(waiting=V1ContainerStateWaiting(reason=reason, message="job:1"))
    item = V1ContainerStatus(name="step", image="job:1", image_id="", ready=False, restart_count=0, state=state)
    return V1Pod(status=V1PodStatus(phase="Pending", container_statuses=[item]))


def test_a_pod_without_image_is_given_up() -> None:
    pending = runner.PendingPod(pod=waiting_pod("ErrImageNeverPull"))
    assert pending.update(100.0) == ["ErrImageNeverPull: job:1"]
    assert not pending.is_fatal(101.0)
    assert pending.update(110.0) == [], "reported once"
    assert pending.is_fatal(100.0 + runner.FATAL_SECONDS + 1)
    pending.pod = waiting_pod("ContainerCreating")
    pending.update(130.0)
    assert not pending.is_fatal(1000.0)


def test_log_lines_come_whole() -> None:
    assert list(runner.lines([b"one\ntw", b"o\nthr", b"ee"])) == ["one", "two", "three"]


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(environment.MissingVariableError, match="TEAM and FEATURES_BUCKET"):
        environment.read({"RAW_BUCKET": "raw"})
    whole = {"TEAM": "red", "RAW_BUCKET": "raw", "FEATURES_BUCKET": "features", "AWS_ENDPOINT_URL": ""}
    found = environment.read(whole)
    assert found.features_address == "s3://features/red/flights"
    assert found.endpoint is None
    assert str(found.feast_config) == "/etc/feast/feature_store.yaml"


def test_outputs_must_be_there_and_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mlp up --stack local"):
        platforms.load("local", tmp_path)
    (tmp_path / "local.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(UserError, match="unknown schema"):
        platforms.load("local", tmp_path)
    (tmp_path / "local.json").write_text(json.dumps(OUTPUTS))
    assert platforms.load("local", tmp_path).namespace == "red"
    assert platforms.load("local", tmp_path, team="blue").serving_url("flights").endswith("/serving/blue/flights")
    with pytest.raises(UserError, match="no such team") as refused:
        platforms.load("local", tmp_path, team="green")
    assert "red, blue" in str(refused.value)
    with pytest.raises(UserError, match="/nowhere/kubeconfig"):
        _ = PLATFORM.api
    with pytest.raises(UserError, match=r"images\.job"):
        _ = PLATFORM.job_image
    assert Platform("local", {**OUTPUTS, "images": {"job": "job:1"}}, "red").job_image == "job:1"


def test_catalog_is_consistent() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert KEYS == ["tailnum", "origin", "dest"]
    assert set(deploy.example()) == set(KEYS)
    assert all(set(keys) <= set(KEYS) for keys in VIEW_KEYS.values())


def test_parameters_are_whole() -> None:
    params = parameters.parameters()
    training = params.training
    assert training.train_from < training.test_from < training.test_until <= params.as_of
    assert params.min_auc > 0.5
    assert params.min_brier_skill > 0


def test_a_commit_is_dirty_when_files_differ_from_it(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert delivery.git_commit(tmp_path) is None
    git("init", "-q")
    assert delivery.git_commit(tmp_path) is None, "there is no commit yet"
    file = tmp_path / "code.py"
    file.write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "v1")
    commit = git("rev-parse", "HEAD")
    assert delivery.git_commit(tmp_path) == commit
    file.write_text("2\n")
    assert delivery.git_commit(tmp_path) == f"{commit}-dirty"
