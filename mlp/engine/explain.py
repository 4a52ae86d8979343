"""Explains why a Kubernetes object did not become ready: its pods, the end of their logs, warning events.

The Kubernetes provider reports only that it timed out. It shows the reasons as progress while it waits, and they are
not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from client import pods

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

SECONDS = 5.0
LOG_LINES = 10
EVENTS = 5
PODS = 3
"""Largest number of pods that are described."""


def why(kubeconfig: str, inputs: Mapping[str, Any]) -> list[str]:
    """Return what the cluster knows about why an object is not ready; empty when the cluster cannot be asked.

    Args:
        kubeconfig: Path or content.
        inputs: Inputs of the object's resource.
    """
    from client.kube import api_client

    metadata = inputs.get("metadata") or {}
    if not metadata.get("namespace"):
        return []
    try:
        return reasons(api_client(kubeconfig), str(inputs.get("kind")), metadata["namespace"], metadata["name"])
    except Exception:  # the failure itself is reported without this explanation
        return []


def reasons(api: ApiClient, kind: str, namespace: str, name: str) -> list[str]:
    """Return what keeps the pods of a workload from being ready; empty for other kinds of objects."""
    from kubernetes.client import AppsV1Api, BatchV1Api, CoreV1Api

    apps, batch = AppsV1Api(api), BatchV1Api(api)
    readers = {
        "Deployment": apps.read_namespaced_deployment,
        "StatefulSet": apps.read_namespaced_stateful_set,
        "DaemonSet": apps.read_namespaced_daemon_set,
        "Job": batch.read_namespaced_job,
    }
    if kind not in readers:
        return []
    labels: Mapping[str, str] = readers[kind](name, namespace, _request_timeout=SECONDS).spec.selector.match_labels
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    listed = CoreV1Api(api).list_namespaced_pod(namespace, label_selector=selector, _request_timeout=SECONDS).items
    found: list[str] = []
    for pod in [item for item in listed if not pods.is_ready(item)][:PODS]:
        about = f"pod {pod.metadata.name}"
        found += [f"{about}: {problem}" for problem in pods.why_not_ready(pod)]
        found += [f"last lines of {about}:\n{text}" for text in _logs(api, pod) if text]
    events = pods.warnings(api, namespace, lambda other: other.startswith(name), timeout=SECONDS)
    return found + [
        f"event {event.reason} on {event.involved_object.kind.lower()} {event.involved_object.name}: {event.message}"
        for event in events[-EVENTS:]
    ]


def _logs(api: ApiClient, pod: Any) -> list[str]:  # noqa: ANN401 the client's models carry no usable types
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    found: list[str] = []
    for item in filter(pods.has_log, pods.container_statuses(pod)):
        try:
            found.append(pods.log_end(api, pod, item, LOG_LINES, timeout=SECONDS))
        except (ApiException, HTTPError):  # there is no log, or the kubelet does not answer
            continue
    return found
