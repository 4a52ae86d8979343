"""Test that readiness is awaited by kind and annotation, and that a failed wait says why; tests act as kubelet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from common.progress import Step
from mlp.engine.events import Recorder
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Program, Stack

TIMEOUT = pulumi.CustomTimeouts(create="8s", update="8s", delete="8s")


def deployment(stack: Stack, namespace: str, image: str = "app", seconds: int = 8, **notes: str) -> Program:
    limits = pulumi.CustomTimeouts(create=f"{seconds}s", update=f"{seconds}s")

    def run() -> None:
        k8s.apps.v1.Deployment(
            "app",
            metadata={"name": "app", "namespace": namespace, "annotations": notes},
            spec={
                "selector": {"match_labels": {"app": "app"}},
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {"containers": [{"name": "main", "image": image}]},
                },
            },
            opts=pulumi.ResourceOptions(provider=stack.provider(), custom_timeouts=limits),
        )

    return run


def pod_status(ready: bool, container: dict[str, Any], phase: str = "Running") -> dict[str, Any]:
    flag = "True" if ready else "False"
    return {
        "status": {
            "phase": phase,
            "podIP": "198.18.200.1",
            "podIPs": [{"ip": "198.18.200.1"}],
            "conditions": [
                {"type": "Ready", "status": flag, "lastTransitionTime": "2025-01-01T00:00:00Z"},
                {"type": "ContainersReady", "status": flag},
                {"type": "PodScheduled", "status": "True"},
            ],
            "containerStatuses": [
                {"name": "main", "image": "app", "imageID": "", "restartCount": 0, "ready": ready, **container}
            ],
        }
    }


RUNNING = {"state": {"running": {"startedAt": "2025-01-01T00:00:00Z"}}}
NO_IMAGE = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no image app:missing"}}}


@contextmanager
def kubelet(plane: ControlPlane, namespace: str, status: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Set the status of every pod of the namespace until the block ends."""
    over = threading.Event()

    def run() -> None:
        done: set[str] = set()
        while not over.wait(0.1):
            for pod in plane.pods(namespace):
                if pod["metadata"]["uid"] not in done and "deletionTimestamp" not in pod["metadata"]:
                    name = pod["metadata"]["name"]
                    plane.merge(f"/api/v1/namespaces/{namespace}/pods/{name}/status", status(), manager="kubelet")
                    done.add(pod["metadata"]["uid"])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told(stack: Stack, program: Program) -> str:
    """Run an `up` that must fail; return the message of `mlp up`."""
    stack.failure(program)
    recorder = Recorder(Step("up"), verbose=False)
    for event in stack.events:
        recorder(event)
    return "\n".join(recorder.errors)


def test_deployment_is_awaited(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    with kubelet(plane, namespace, lambda: pod_status(True, RUNNING)):
        stack.up(deployment(stack, namespace))
    live = plane.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/app")
    assert live and live["status"]["availableReplicas"] == 1


def test_failed_wait_says_why_is_recorded_and_resumed(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    with kubelet(plane, namespace, lambda: pod_status(False, NO_IMAGE, "Pending")):
        said = told(stack, deployment(stack, namespace))
    assert said.startswith("Deployment app: 'app' timed out waiting to be Ready")
    assert "ImagePullBackOff" in said
    assert "no image app:missing" in said
    assert stack.resources()["app"]["initErrors"]
    stack.refresh()
    assert stack.resources()["app"]["initErrors"], "a refresh must not mark it as ready"
    for pod in plane.pods(namespace):
        plane.merge(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/status", pod_status(True, RUNNING))
    again = stack.up(deployment(stack, namespace))
    assert again.operations() == {"app": "update"}
    assert "initErrors" not in stack.resources()["app"]
    assert stack.up(deployment(stack, namespace)).operations() == {}


def test_events_are_told(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    plane.put(
        f"/api/v1/namespaces/{namespace}/resourcequotas/none",
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}},
    )
    assert "exceeded quota" in told(stack, deployment(stack, namespace))


def test_skip_await(stack: Stack, namespace: str) -> None:
    stack.up(deployment(stack, namespace, **{"pulumi.com/skipAwait": "true"}))
    assert "initErrors" not in stack.resources()["app"]


def test_job_failure_is_final(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.batch.v1.Job(
            "job",
            metadata={"name": "job", "namespace": namespace},
            spec={
                "backoff_limit": 0,
                "template": {"spec": {"restart_policy": "Never", "containers": [{"name": "main", "image": "app"}]}},
            },
            opts=pulumi.ResourceOptions(
                provider=stack.provider(), custom_timeouts=pulumi.CustomTimeouts(create="120s")
            ),
        )

    ended = {"state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
    with kubelet(plane, namespace, lambda: pod_status(False, ended, "Failed")):
        said = told(stack, run)
    assert "[BackoffLimitExceeded] Job has reached the specified backoff limit" in said
    assert "ended with 3" in said


def test_job_completes(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.batch.v1.Job(
            "job",
            metadata={"name": "job", "namespace": namespace},
            spec={"template": {"spec": {"restart_policy": "Never", "containers": [{"name": "main", "image": "app"}]}}},
            opts=pulumi.ResourceOptions(provider=stack.provider(), custom_timeouts=pulumi.CustomTimeouts(create="60s")),
        )

    ended = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    with kubelet(plane, namespace, lambda: pod_status(False, ended, "Succeeded")):
        stack.up(run)
    assert stack.up(run).operations() == {}


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("jsonpath={.data.phase}=done", True),
        ("jsonpath={.data.phase}=never", False),
        ('["jsonpath={.data.phase}", "jsonpath={.data.other}=x"]', False),
    ],
)
def test_wait_for(stack: Stack, namespace: str, expression: str, met: bool) -> None:
    def run() -> None:
        k8s.core.v1.ConfigMap(
            "it",
            metadata={"name": "it", "namespace": namespace, "annotations": {"pulumi.com/waitFor": expression}},
            data={"phase": "done"},
            opts=pulumi.ResourceOptions(provider=stack.provider(), custom_timeouts=pulumi.CustomTimeouts(create="3s")),
        )

    if met:
        stack.up(run)
    else:
        assert told(stack, run) == "ConfigMap it: timed out waiting for the condition"


def test_a_claim_that_waits_for_its_first_pod_is_ready(stack: Stack, namespace: str) -> None:
    def run() -> None:
        provider = stack.provider()
        storage = k8s.storage.v1.StorageClass(
            "late",
            metadata={"name": f"late-{namespace}"[:60].strip("-")},
            provisioner="example.org/none",
            volume_binding_mode="WaitForFirstConsumer",
            opts=pulumi.ResourceOptions(provider=provider),
        )
        k8s.core.v1.PersistentVolumeClaim(
            "claim",
            metadata={"name": "claim", "namespace": namespace},
            spec={
                "storage_class_name": storage.metadata.name,
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
            opts=pulumi.ResourceOptions(provider=provider, custom_timeouts=TIMEOUT),
        )

    stack.up(run)
    stack.destroy()


def test_an_interrupt_ends_the_wait_and_the_object_is_recorded(
    stack: Stack, plane: ControlPlane, namespace: str
) -> None:
    """Press Ctrl-C while a Deployment is not ready; the update ends at the latest by its time limit."""
    name = f"/apis/apps/v1/namespaces/{namespace}/deployments/app"
    stack.interrupted_up(deployment(stack, namespace, seconds=15), lambda: plane.get(name) is not None)
    assert stack.resources()["app"]["initErrors"]
    with kubelet(plane, namespace, lambda: pod_status(True, RUNNING)):
        stack.up(deployment(stack, namespace, seconds=120))
    assert "initErrors" not in stack.resources()["app"]
