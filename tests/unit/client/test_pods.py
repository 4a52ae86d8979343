"""Reasons of pods that wait, fail or are not ready, read from their status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client
from loopback import Answer, Asked, answering

from client import pods
from client.pipelines.pods import STATUS_FINALIZER
from components.applications.pipelines.description import PIPELINES

UNSCHEDULED = [client.V1PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="no gpu")]


def container(name: str = "main", *, ready: bool = False, restarts: int = 0, **state: Any) -> client.V1ContainerStatus:
    return client.V1ContainerStatus(
        name=name,
        image="job:1",
        image_id="",
        ready=ready,
        restart_count=restarts,
        state=client.V1ContainerState(**state),
    )


def waiting(reason: str | None, message: str | None = None) -> client.V1ContainerStateWaiting:
    return client.V1ContainerStateWaiting(reason=reason, message=message)


def ended(reason: str, exit_code: int) -> client.V1ContainerStateTerminated:
    return client.V1ContainerStateTerminated(reason=reason, exit_code=exit_code)


def pod(phase: str, *containers: client.V1ContainerStatus, **more: Any) -> client.V1Pod:
    return client.V1Pod(status=client.V1PodStatus(phase=phase, container_statuses=list(containers), **more))


def test_a_pod_that_waits_gives_the_reason_of_its_container_or_of_the_scheduler() -> None:
    assert pods.why_waiting(pod("Pending", container(waiting=waiting("ImagePullBackOff")))) == "ImagePullBackOff: job:1"
    assert pods.why_waiting(pod("Pending", container(waiting=waiting("ErrImagePull", "gone")))) == "ErrImagePull: gone"
    assert pods.why_waiting(pod("Pending", conditions=UNSCHEDULED)) == "Unschedulable: no gpu"


@pytest.mark.parametrize("reason", [*pods.NORMAL_START, None])
def test_a_pod_that_starts_normally_has_no_reason(reason: str | None) -> None:
    assert pods.why_waiting(pod("Pending", container(waiting=waiting(reason)))) is None
    assert pods.why_waiting(client.V1Pod()) is None


def test_an_init_container_that_waits_comes_first() -> None:
    init = [container("init", waiting=waiting("CreateContainerConfigError", "no secret"))]
    found = pod("Pending", container(waiting=waiting("PodInitializing")), init_container_statuses=init)
    assert pods.why_waiting(found) == "CreateContainerConfigError: no secret"


def test_a_failed_pod_gives_the_exit_code_of_the_container_that_counts() -> None:
    killed = container(terminated=ended("OOMKilled", 137))
    sidecar = container("sidecar", terminated=ended("Error", 1))
    assert pods.why_failed(pod("Failed", sidecar, killed), "main") == "OOMKilled, exit code 137"
    assert pods.why_failed(pod("Failed", sidecar, killed)) == "Error, exit code 1"
    assert pods.why_failed(pod("Failed", reason="DeadlineExceeded", message="too long")) == "DeadlineExceeded too long"
    assert pods.why_failed(pod("Succeeded", container(terminated=ended("Completed", 0)))) is None


def test_a_pod_that_is_not_ready_gives_every_reason() -> None:
    looping = container(waiting=waiting("CrashLoopBackOff", "back-off 10s"), restarts=3)
    running = container("server", running=client.V1ContainerStateRunning())
    broken = container("other", terminated=ended("Error", 3))
    assert pods.why_not_ready(pod("Running", looping, running, broken, conditions=UNSCHEDULED)) == [
        "Unschedulable: no gpu",
        "container main waits: CrashLoopBackOff: back-off 10s, 3 restarts",
        "container server runs but is not ready",
        "container other ended with 3 (Error)",
    ]
    evicted = pod("Failed", reason="Evicted", message="disk pressure")
    assert pods.why_not_ready(evicted) == ["Evicted: disk pressure"]
    assert pods.why_not_ready(pod("Running", container(ready=True, running=client.V1ContainerStateRunning()))) == []


def test_a_pod_is_ready_by_its_condition_or_by_its_end() -> None:
    ready = [client.V1PodCondition(type="Ready", status="True")]
    assert pods.is_ready(pod("Running", conditions=ready))
    assert pods.is_ready(pod("Succeeded"))
    assert not pods.is_ready(pod("Running"))


def event(name: str, message: str, minute: int) -> client.CoreV1Event:
    import datetime

    return client.CoreV1Event(
        metadata=client.V1ObjectMeta(name=f"{name}-{minute}"),
        involved_object=client.V1ObjectReference(kind="Pod", name=name),
        reason="Failed",
        message=message,
        last_timestamp=datetime.datetime(2026, 1, 1, 12, minute, tzinfo=datetime.UTC),
    )


def test_warnings_are_sorted_and_each_message_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def listed(
        _api: client.CoreV1Api, _namespace: str, field_selector: str, _request_timeout: float | None
    ) -> client.CoreV1EventList:
        asked.append(field_selector)
        found = [event("a-1", "second", 2), event("a-1", "first", 1), event("a-1", "second", 3), event("b-1", "x", 1)]
        return client.CoreV1EventList(items=found)

    monkeypatch.setattr(client.CoreV1Api, "list_namespaced_event", listed)
    found = pods.warnings(client.ApiClient(), "ns", lambda name: name.startswith("a"), kind="Pod")
    assert [item.message for item in found] == ["first", "second"]
    assert asked == ["type=Warning,involvedObject.kind=Pod"]


def test_only_the_named_finalizer_is_removed() -> None:
    def held(name: str, *finalizers: str) -> client.V1Pod:
        return client.V1Pod(metadata=client.V1ObjectMeta(name=name, namespace="runs", finalizers=list(finalizers)))

    path, asked = "/api/v1/namespaces/runs/pods", list[Asked]()
    with answering({f"{path}/step": Answer(200, b"{}", {"content-type": "application/json"})}, asked) as address:
        api = client.ApiClient(client.Configuration(host=address))
        for found in (held("step", "a.org/hold", "b.org/hold"), held("gone", "a.org/hold"), held("free", "b.org/hold")):
            pods.remove_finalizer(api, found, "a.org/hold")
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.org/hold"]}}
    assert [(request.method, request.path, json.loads(request.body)) for request in asked] == [
        ("PATCH", f"{path}/step", change),
        ("PATCH", f"{path}/gone", change),
    ]
    assert {request.content_type for request in asked} == {"application/strategic-merge-patch+json"}


def test_the_finalizer_that_a_run_looks_for_is_the_one_that_its_description_names() -> None:
    """Two packages name it, because neither may import the other."""
    assert STATUS_FINALIZER in {kind.pod_finalizer for kind in PIPELINES.user_objects}
