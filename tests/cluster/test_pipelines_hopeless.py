"""Runs that cannot succeed: each says why while it waits, fails when its time is up, and leaves nothing alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster import pipeline_samples as samples
from tests.cluster.pipeline_client import ALIVE, Runs, connect, fresh
from tests.cluster.support import until

WAITING = [
    (samples.unknown_image, "ImagePull|ErrImage", "mlplatform.local/absent:0"),
    (samples.impossible_gpu, "Unschedulable", "nvidia.com/gpu"),
]


@pytest.fixture(scope="module")
def runs(platform: dict[str, Any]) -> Runs:
    return connect(platform)


@pytest.mark.parametrize(("pipeline", "kind", "what"), WAITING, ids=["image", "gpu"])
def test_a_run_that_waits_in_vain_says_for_what_and_fails_in_time(
    runs: Runs, pipeline: Callable[..., Any], kind: str, what: str
) -> None:
    run = runs.start(pipeline, enable_caching=False)
    words = kind.split("|")
    until("explained", lambda: any(w in (m := runs.messages(run)) for w in words) and what in m, 180)
    # The platform's own bound is an hour or more; this is the same bound, sooner.
    assert runs.workflow(run)["spec"]["activeDeadlineSeconds"] >= 60
    runs.shorten(run, 1)
    assert runs.ended(run, 120).state == "FAILED"
    until("no pod alive", lambda: not [pod for pod in runs.pods(run) if pod.status.phase in ALIVE], 120)


def test_a_missing_bucket_fails_the_step_that_needs_it(runs: Runs) -> None:
    run = runs.start(
        samples.three_steps, {"seed": fresh()}, pipeline_root="s3://mlplatform-local-absent/v2", enable_caching=False
    )
    assert runs.ended(run).state == "FAILED"
    (pod,) = runs.steps(run)
    log = runs.core.read_namespaced_pod_log(pod.metadata.name, runs.namespace, container="main")
    assert "mlplatform-local-absent" in log
