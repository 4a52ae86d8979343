"""Runs that succeed, are cached, fail, are cancelled, or are scheduled; and who may start them."""

from __future__ import annotations

import time
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from kfp import compiler
from kubernetes import client

from client.pipelines import pods
from client.pipelines.server import Server
from tests.cluster import pipeline_samples as samples
from tests.cluster.pipeline_client import ALIVE, Runs, connect, fresh
from tests.cluster.support import mlp, note, secret, soak, until


@pytest.fixture(scope="module")
def runs(platform: dict[str, Any]) -> Runs:
    return connect(platform)


@pytest.fixture(scope="module")
def seed() -> str:
    return fresh()


@pytest.fixture(scope="module")
def first(runs: Runs, seed: str) -> str:
    """Id of a run of three steps that succeeded."""
    began = time.monotonic()
    run = runs.start(samples.three_steps, {"seed": seed})
    found = runs.ended(run)
    assert found.state == "SUCCEEDED", runs.messages(run)
    note("pipeline of three steps, s", round(time.monotonic() - began, 1))
    return run


def test_three_steps_succeed_and_leave_their_artifacts(
    runs: Runs, first: str, seed: str, platform: dict[str, Any], core: client.CoreV1Api
) -> None:
    assert len(runs.steps(first)) == 3
    keys = secret(core, runs.namespace, "object-store")
    store = boto3.client(
        "s3",
        endpoint_url=keys["AWS_ENDPOINT_URL"],
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = platform["buckets"]["pipelines"]
    listed = store.list_objects_v2(
        Bucket=bucket, Prefix=f"{platform['default_team']}/v2/artifacts/three-steps/{first}/"
    )["Contents"]
    data = next(item["Key"] for item in listed if item["Key"].endswith("/data"))
    assert store.get_object(Bucket=bucket, Key=data)["Body"].read().decode() == seed
    logs = [item["Key"] for item in listed if item["Key"].endswith("/executor-logs")]
    assert any(b"wrote 32" in store.get_object(Bucket=bucket, Key=key)["Body"].read() for key in logs)


def test_pods_of_a_run_keep_the_level_restricted(runs: Runs, first: str, core: client.CoreV1Api) -> None:
    """The namespace refuses other pods; this shows that it enforces the level and that containers have requests."""
    assert core.read_namespace(runs.namespace).metadata.labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in runs.pods(first):
        assert pod.spec.service_account_name == "pipeline-runner"
        for container in [*pod.spec.containers, *pod.spec.init_containers]:
            assert container.security_context.allow_privilege_escalation is False, container.name
            assert container.security_context.capabilities.drop == ["ALL"], container.name
            assert {"cpu", "memory"} <= container.resources.requests.keys(), container.name


def test_an_identical_run_starts_no_step(runs: Runs, first: str, seed: str) -> None:
    began = time.monotonic()
    again = runs.start(samples.three_steps, {"seed": seed})
    assert runs.ended(again).state == "SUCCEEDED", runs.messages(again)
    note("pipeline of three cached steps, s", round(time.monotonic() - began, 1))
    assert again != first
    assert runs.pods(again)
    assert runs.steps(again) == []


def test_a_failing_step_fails_the_run_and_its_log_has_the_reason(runs: Runs) -> None:
    reason = fresh()
    run = runs.start(samples.failing, {"reason": reason})
    assert runs.ended(run).state == "FAILED"
    (pod,) = runs.steps(run)
    assert reason in runs.core.read_namespaced_pod_log(pod.metadata.name, runs.namespace, container="main")
    assert "exit code 1" in runs.messages(run)


@soak
def test_a_cancelled_run_stops_its_pods(runs: Runs) -> None:
    run = runs.start(samples.sleeping, {"seconds": 900}, enable_caching=False)
    until("asleep", lambda: any(pod.status.phase == "Running" for pod in runs.steps(run)), 180)
    began = time.monotonic()
    runs.api.terminate_run(run)
    # Upstream reports a cancelled run as failed; only its workflow shows the cancellation.
    assert runs.ended(run, 120).state in ("CANCELED", "FAILED")
    assert runs.workflow(run)["spec"]["activeDeadlineSeconds"] == 0
    until("no pod alive", lambda: not [pod for pod in runs.pods(run) if pod.status.phase in ALIVE], 120)
    note("cancelled run without a living pod, s", round(time.monotonic() - began, 1))


def test_a_step_whose_pod_is_deleted_is_tried_again(runs: Runs) -> None:
    run = runs.start(samples.retried, {"seconds": 10}, enable_caching=False)
    until("asleep", lambda: any(pod.status.phase == "Running" for pod in runs.steps(run)), 180)
    (pod,) = runs.steps(run)
    runs.core.delete_namespaced_pod(pod.metadata.name, runs.namespace)
    assert runs.ended(run, 240).state == "SUCCEEDED", runs.messages(run)
    assert {again.metadata.name for again in runs.steps(run)} - {pod.metadata.name}


def test_cancelled_by_the_command_a_run_leaves_no_pods(runs: Runs) -> None:
    run = runs.start(samples.sleeping, {"seconds": 900}, enable_caching=False)
    until("asleep", lambda: any(pod.status.phase == "Running" for pod in runs.steps(run)), 180)
    done = mlp("pipeline", "cancel", run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert runs.pods(run) == []
    again = mlp("pipeline", "cancel", run)
    assert again.returncode == 1
    assert "The run has already ended" in again.stdout + again.stderr


def test_a_pod_that_only_argos_finalizer_keeps_is_removed(runs: Runs, first: str) -> None:
    """The workflow controller ignores this pod, as it sometimes ignores a pod that ends after its workflow."""
    step = runs.steps(first)[0]
    container = next(item for item in step.spec.containers if item.name == "main")
    run = f"planted-{fresh()[:8]}"
    runs.core.create_namespaced_pod(
        runs.namespace,
        {
            "metadata": {"name": run, "labels": {"pipeline/runid": run}, "finalizers": [pods.STATUS_FINALIZER]},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": step.spec.security_context,
                "containers": [
                    {
                        "name": "main",
                        "image": container.image,
                        "command": ["true"],
                        "securityContext": container.security_context,
                        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
                    }
                ],
            },
        },
    )
    until("ended", lambda: [pod for pod in runs.pods(run) if pod.status.phase == "Succeeded"], 60)
    (ended,) = runs.pods(run)
    assert not pods.only_finalizer_left(ended), "the pod is not deleted"
    pods.remove(Server(url="", token="", namespace=runs.namespace, api=runs.core.api_client), run)
    assert runs.pods(run) == []


@soak
def test_a_recurring_run_fires_and_stops_when_it_is_deleted(runs: Runs, first: str, seed: str, tmp_path: Any) -> None:
    """As documented for schedules, without reuse: otherwise every run would reuse the first one's results."""
    assert runs.steps(first)
    package = str(tmp_path / "three.yaml")
    compiler.Compiler().compile(samples.three_steps, package)
    experiment = runs.api.create_experiment(f"recurring-{fresh()[:8]}").experiment_id
    job = runs.api.create_recurring_run(
        experiment, "often", cron_expression="*/10 * * * * *", pipeline_package_path=package,
        params={"seed": seed}, max_concurrency=1, no_catchup=True, enable_caching=False,
    )  # fmt: skip
    try:
        fired: list[str] = []

        def ran() -> bool:
            fired[:] = [run.run_id for run in runs.api.list_runs(experiment_id=experiment).runs or []]
            return bool(fired)

        until("fired", ran, 120)
        runs.api.disable_recurring_run(job.recurring_run_id)
        for run in fired:
            assert runs.ended(run).state == "SUCCEEDED", runs.messages(run)
            assert len(runs.steps(run)) == 3
    finally:
        # Deletes the workflows of its runs too: an unfinished run would stay RUNNING.
        runs.api.delete_recurring_run(job.recurring_run_id)


def test_the_gateway_lets_nobody_in_without_a_token(platform: dict[str, Any], core: client.CoreV1Api) -> None:
    url = f"{platform['urls']['pipelines']}/apis/v2beta1"
    token = secret(core, "kubeflow", "pipelines-client")["KF_PIPELINES_TOKEN"]

    def status(path: str, value: str | None) -> int:
        headers = {"Authorization": f"Bearer {value}"} if value else {}
        return httpx.get(url + path, headers=headers, timeout=30, trust_env=False).status_code

    assert [status("/runs", value) for value in (None, "wrong", token)] == [401, 401, 200]
    assert status("/../v1beta1/runs", token) == 404


def test_every_workflow_has_an_end_and_its_pods_too(runs: Runs, first: str) -> None:
    spec = runs.workflow(first)["spec"]
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["podGC"]["strategy"] == "OnWorkflowCompletion"
    assert spec["templateDefaults"]["timeout"].endswith("s")


@soak
def test_pods_of_an_ended_run_are_collected_and_then_its_workflow(runs: Runs) -> None:
    """Uses shorter delays than the platform's, for this run only."""
    run = runs.start(samples.one_step, {"seed": fresh()}, enable_caching=False)
    until("made", lambda: runs.pods(run), 120)
    runs.patch(run, {"podGC": {"deleteDelayDuration": "1s"}, "ttlStrategy": {"secondsAfterCompletion": 20}})
    assert runs.ended(run).state == "SUCCEEDED"
    until("pods collected", lambda: not runs.pods(run), 120)
    output = mlp("pipeline", "logs", run).stdout
    assert "succeeded" in output
    assert "The steps of this run have no pods" in output
    until("workflow collected", lambda: not runs.workflows(run), 120)
    assert runs.get(run).state == "SUCCEEDED", "the API remembers"
