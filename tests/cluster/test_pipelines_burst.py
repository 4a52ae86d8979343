"""Many concurrent runs while each server that they need is killed once: all runs succeed."""

from __future__ import annotations

import os
import time
from typing import Any

from kubernetes import client

from tests.cluster import pipeline_samples as samples
from tests.cluster.pipeline_client import ENDED, connect, fresh
from tests.cluster.support import note, until

RUNS = int(os.environ.get("MLP_TEST_RUNS", "4"))
"""Number of runs; `make soak` submits 20."""

VICTIMS = (("kubeflow", "workflow-controller"), ("kubeflow", "ml-pipeline"), ("data", "mysql"))
"""Namespace and component of each server, in the order of the kills."""

BACK_SECONDS = 180.0
SECONDS_PER_RUN = 60.0
"""Longest time for each run; a run of one step took 12 s on two cores."""


def pods(core: client.CoreV1Api, namespace: str, application: str) -> list[client.V1Pod]:
    return core.list_namespaced_pod(namespace, label_selector=f"app.kubernetes.io/component={application}").items


def is_ready(pod: client.V1Pod) -> bool:
    return any(item.type == "Ready" and item.status == "True" for item in pod.status.conditions or [])


def killed(core: client.CoreV1Api, namespace: str, application: str) -> None:
    """Kill a server, and wait until another pod is ready."""
    (old,) = pods(core, namespace, application)
    core.delete_namespaced_pod(old.metadata.name, namespace, grace_period_seconds=0)

    def back() -> bool:
        return [p.metadata.uid != old.metadata.uid and is_ready(p) for p in pods(core, namespace, application)] == [
            True
        ]

    until(f"{application} back", back, BACK_SECONDS)


def test_runs_submitted_at_once_survive_the_loss_of_every_server(
    platform: dict[str, Any], core: client.CoreV1Api
) -> None:
    runs = connect(platform)
    began = time.monotonic()
    started = [runs.start(samples.one_step, {"seed": fresh()}) for _ in range(RUNS)]
    for namespace, application in VICTIMS:
        killed(core, namespace, application)
    found: dict[str, str] = {}

    def ended() -> bool:
        """Read every run; the API may still be restarting."""
        for run in started:
            try:
                found[run] = str(runs.get(run).state)
            except Exception as error:
                found[run] = repr(error)
        return all(state in ENDED for state in found.values())

    until("every run at its end", ended, RUNS * SECONDS_PER_RUN)
    assert {run: (state, runs.messages(run)) for run, state in found.items() if state != "SUCCEEDED"} == {}
    note(f"{RUNS} runs with three servers killed, s", round(time.monotonic() - began, 1))
