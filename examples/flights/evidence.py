"""What the cluster says about a predictor that does not become ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client.platform import Platform, reason

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

LAST_LINES = 15


def evidence(platform: Platform, service: str) -> str:
    """Return what the cluster says about a service's predictor: pods, warnings, last log lines."""
    from kubernetes import client

    core, namespace = client.CoreV1Api(platform.api), platform.models_namespace
    pods = core.list_namespaced_pod(namespace, label_selector=f"serving.kserve.io/inferenceservice={service}").items
    found = [f"  pod {pod.metadata.name}: {pod.status.phase}" for pod in pods] or ["  it has no pods"]
    names = {pod.metadata.name for pod in pods} | {service, f"{service}-predictor"}
    events = core.list_namespaced_event(namespace, field_selector="type=Warning").items
    found += [f"  {event.reason}: {event.message}" for event in events if event.involved_object.name in names][-5:]
    for pod in pods:
        for container in (pod.status.init_container_statuses or []) + (pod.status.container_statuses or []):
            if not container.ready and not (container.state and container.state.waiting):
                found += log_tail(core, namespace, pod.metadata.name, container.name)
    return "\n".join(found)


def log_tail(core: CoreV1Api, namespace: str, pod: str, container: str) -> list[str]:
    """Return the last lines of a container's log; none when it has none."""
    from kubernetes.client import ApiException

    try:
        text = core.read_namespaced_pod_log(pod, namespace, container=container, tail_lines=LAST_LINES)
    except ApiException as error:
        return [f"  log of {container}: {reason(error)}"]
    return [f"  log of {container} ends:", *(f"    {line}" for line in text.splitlines())]
