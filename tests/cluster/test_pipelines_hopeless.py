"""Runs that cannot succeed: each reports the reason while it waits, fails in time, and leaves no running pod."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from tests.cluster import pipeline_samples as samples
from tests.cluster.pipeline_client import ALIVE, Runs, connect, fresh
from tests.cluster.support import mlp, soak, until, without

WAITING = [
    (samples.unknown_image, "ImagePull|ErrImage", "mlplatform.local/absent:0"),
    (samples.impossible_gpu, "Unschedulable", "nvidia.com/gpu"),
]


@pytest.fixture(scope="module")
def runs(platform: dict[str, Any]) -> Runs:
    return connect(platform)


@pytest.mark.parametrize(("pipeline", "kind", "what"), WAITING, ids=["image", "gpu"])
def test_a_run_that_cannot_start_reports_the_reason_and_fails_in_time(
    runs: Runs, pipeline: Callable[..., Any], kind: str, what: str
) -> None:
    run = runs.start(pipeline, enable_caching=False)
    words = kind.split("|")
    until("explained", lambda: any(w in (m := runs.messages(run)) for w in words) and what in m, 180)
    # The platform's limit is an hour or more; the test shortens the same limit.
    assert runs.workflow(run)["spec"]["activeDeadlineSeconds"] >= 60
    runs.shorten(run, 1)
    assert runs.ended(run, 120).state == "FAILED"
    output = logs(run)
    assert what in output, output
    until("no pod alive", lambda: not [pod for pod in runs.pods(run) if pod.status.phase in ALIVE], 120)


@soak
def test_a_step_whose_result_s3_refuses_is_tried_again(runs: Runs, apps: client.AppsV1Api) -> None:
    run = runs.start(samples.persistent, {"seconds": 10}, enable_caching=False)
    until("running", lambda: any(pod.status.phase == "Running" for pod in runs.steps(run)), 180)
    with without(apps, "s3"):
        until("refused", lambda: any(pod.status.phase == "Failed" for pod in runs.steps(run)), 180)
    assert runs.ended(run, 300).state == "SUCCEEDED", runs.messages(run)
    assert len(runs.steps(run)) > 1


def test_a_missing_bucket_fails_the_step_that_needs_it(runs: Runs) -> None:
    run = runs.start(
        samples.three_steps, {"seed": fresh()}, pipeline_root="s3://mlplatform-local-absent/v2", enable_caching=False
    )
    assert runs.ended(run).state == "FAILED"
    assert "mlplatform-local-absent" in logs(run)


@soak
def test_a_step_that_uses_too_much_memory_is_retried_and_reported(runs: Runs) -> None:
    run = runs.start(samples.hungry, {"mebibytes": 4096}, enable_caching=False)
    assert runs.ended(run).state == "FAILED"
    assert len(runs.steps(run)) == 2
    output = logs(run)
    assert "OOMKilled" in output, output


@soak
def test_an_invalid_key_fails_the_run_and_is_reported(runs: Runs) -> None:
    before = runs.core.read_namespaced_secret("object-store", runs.namespace).data["AWS_SECRET_ACCESS_KEY"]
    try:
        change(runs, base64.b64encode(b"a key of yesterday").decode())
        run = runs.start(samples.three_steps, {"seed": fresh()}, enable_caching=False)
        assert runs.ended(run).state == "FAILED"
        assert "SignatureDoesNotMatch" in logs(run)
    finally:
        change(runs, before)


def change(runs: Runs, key: str) -> None:
    runs.core.patch_namespaced_secret("object-store", runs.namespace, {"data": {"AWS_SECRET_ACCESS_KEY": key}})


def logs(run: str) -> str:
    """Return the output of `mlp pipeline logs`."""
    done = mlp("pipeline", "logs", run)
    assert done.returncode == 0, done.stderr
    return done.stdout
