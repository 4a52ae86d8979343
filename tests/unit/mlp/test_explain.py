"""Explanation of an object that did not become ready, read from a loopback server that answers like an API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from loopback import Answer, answering

from mlp.engine.explain import why

LABELS = {"app": "app"}
METADATA = {"name": "app", "namespace": "ns"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "app"}]}}


def answer(body: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"content-type": "application/json"})


def pod(name: str, status: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": TEMPLATE["spec"], "status": status}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "app", "imageID": "", "ready": False, "restartCount": 0, **fields}


LOOPING = container(
    restartCount=2, state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting"}}
)
PODS = [
    pod("app-1", {"phase": "Running", "containerStatuses": [LOOPING]}),
    pod("app-2", {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
]


def event(name: str, message: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}.1", "namespace": "ns"},
        "involvedObject": {"kind": "ReplicaSet", "name": name},
        "reason": "FailedCreate",
        "message": message,
        "type": "Warning",
        "lastTimestamp": "2026-01-01T12:00:00Z",
    }


TABLE = {
    "/apis/apps/v1/namespaces/ns/deployments/app": answer(
        {"metadata": METADATA, "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}}
    ),
    "/api/v1/namespaces/ns/pods": answer({"items": PODS}),
    "/api/v1/namespaces/ns/pods/app-1/log": Answer(200, b"KeyError: 'late'\n", {"content-type": "text/plain"}),
    "/api/v1/namespaces/ns/events": answer({"items": [event("app-5c", "exceeded quota"), event("other", "x")]}),
}


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[str]:
    with answering(TABLE) as address:
        yield json.dumps(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": {"server": address}}],
                "users": [{"name": "it", "user": {}}],
            }
        )


def test_pods_logs_and_events_of_a_deployment_are_reported(kubeconfig: str) -> None:
    assert why(kubeconfig, {"kind": "Deployment", "metadata": METADATA}) == [
        "pod app-1: container main waits: CrashLoopBackOff: back-off 20s restarting, 2 restarts",
        "last lines of pod app-1:\nKeyError: 'late'",
        "event FailedCreate on replicaset app-5c: exceeded quota",
    ]


@pytest.mark.parametrize(
    "inputs",
    [
        {"kind": "ConfigMap", "metadata": METADATA},
        {"kind": "Deployment", "metadata": {"name": "app"}},
        {"kind": "Deployment", "metadata": {"name": "absent", "namespace": "ns"}},
    ],
)
def test_other_objects_and_failed_requests_have_no_explanation(kubeconfig: str, inputs: dict[str, Any]) -> None:
    assert why(kubeconfig, inputs) == []
