"""Describes a predictor that does not become ready: its pods, warning events and the end of its logs."""

from __future__ import annotations

from client import pods
from client.kube import error_text
from client.platform import Platform

LAST_LINES = 15
EVENTS = 5


def describe_predictor(platform: Platform, service: str) -> str:
    """Return the state of an InferenceService's pods, the last warnings about them, and the end of their logs."""
    from kubernetes import client

    namespace = platform.namespace
    selector = f"serving.kserve.io/inferenceservice={service}"
    listed = client.CoreV1Api(platform.api).list_namespaced_pod(namespace, label_selector=selector).items
    found: list[str] = []
    for pod in listed:
        problems = "; ".join(pods.why_not_ready(pod))
        found.append(f"  pod {pod.metadata.name}: {pod.status.phase}{f' ({problems})' if problems else ''}")
    names = {pod.metadata.name for pod in listed} | {service, f"{service}-predictor"}
    events = pods.warnings(platform.api, namespace, names.__contains__)
    found = found or ["  it has no pods"]
    found += [f"  {event.reason}: {event.message}" for event in events[-EVENTS:]]
    for pod in listed:
        for item in pods.container_statuses(pod):
            if not item.ready and not (item.state and item.state.waiting):
                found += _log_end(platform, pod, item)
    return "\n".join(found)


def _log_end(platform: Platform, pod: object, item: object) -> list[str]:
    from kubernetes.client import ApiException

    name = item.name  # type: ignore[attr-defined]
    try:
        text = pods.log_end(platform.api, pod, item, LAST_LINES)
    except ApiException as error:
        return [f"  log of {name}: {error_text(error)}"]
    return [f"  log of {name} ends:", *(f"    {line}" for line in text.splitlines())]
