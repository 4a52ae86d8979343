"""Asks the cluster why an object did not become ready: its pods, their logs, events.

The provider says only that it waited in vain. What it saw on the way it shows as passing status, which nobody keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]

PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets/{}",
    "Job": "/apis/batch/v1/namespaces/{}/jobs/{}",
}
"""Kinds whose pods tell why they are not ready."""

SECONDS = 5.0
LOG_LINES = 10
EVENTS = 5
PODS = 3
"""How many of the pods that are not ready are described."""


def why(kubeconfig: str, inputs: Mapping[str, Any]) -> list[str]:
    """Return all that the cluster knows about why an object is not ready; never fails.

    Args:
        kubeconfig: Path or content.
        inputs: Inputs of the object's resource.
    """
    metadata = inputs.get("metadata") or {}
    path = PATHS.get(str(inputs.get("kind")))
    if path is None or not metadata.get("namespace"):
        return []
    try:
        api = _client(kubeconfig)
        live = _get(api, path.format(metadata["namespace"], metadata["name"]))
        return reasons(api, json.loads(live))
    except Exception:  # an explanation is a courtesy; what failed is told without it as well
        return []


def reasons(api: ApiClient, live: Object) -> list[str]:
    """Return what keeps an object's pods from being ready."""
    space, name = live["metadata"]["namespace"], live["metadata"]["name"]
    labels: Mapping[str, str] = live["spec"]["selector"]["matchLabels"]
    selector = quote(",".join(f"{key}={value}" for key, value in labels.items()))
    pods = json.loads(_get(api, f"/api/v1/namespaces/{space}/pods?labelSelector={selector}"))["items"]
    troubled = [pod for pod in pods if not _well(pod)]
    found: list[str] = []
    for pod in troubled[:PODS]:
        about = f"pod {pod['metadata']['name']}"
        found += [f"{about}: {trouble}" for trouble in troubles(pod)]
        found += [f"last lines of {about}:\n{text}" for entry in _containers(pod) if (text := _log(api, pod, entry))]
    events = json.loads(_get(api, f"/api/v1/namespaces/{space}/events"))["items"]
    return found + told(events, name)


def troubles(pod: Object) -> list[str]:
    """Return what keeps a pod from being ready. Pure."""
    found: list[str] = []
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            found.append(f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}")
    if status.get("phase") == "Failed" and status.get("reason"):
        found.append(f"{status['reason']}: {status.get('message', '')}")
    for entry in _containers(pod):
        state, restarts = entry.get("state") or {}, entry.get("restartCount", 0)
        again = f", {restarts} restarts" if restarts else ""
        if waiting := state.get("waiting"):
            detail = ": ".join(part for part in (waiting.get("reason"), waiting.get("message")) if part)
            found.append(f"container {entry['name']} waits: {detail}{again}")
        elif (ended := state.get("terminated")) and ended.get("exitCode"):
            found.append(f"container {entry['name']} ended with {ended['exitCode']} ({ended.get('reason', '')}){again}")
        elif "running" in state and not entry.get("ready"):
            found.append(f"container {entry['name']} runs but is not ready{again}")
    return found


def told(events: Sequence[Object], name: str) -> list[str]:
    """Return the last warnings about an object and what it made, each once. Pure."""
    seen: dict[str, None] = {}
    for event in sorted(events, key=lambda item: item.get("lastTimestamp") or item.get("eventTime") or ""):
        about = event["involvedObject"]
        if event.get("type") != "Normal" and str(about.get("name", "")).startswith(name):
            text = f"event {event.get('reason')} on {str(about.get('kind')).lower()} {about.get('name')}"
            seen[f"{text}: {event.get('message', '')}"] = None
    return list(seen)[-EVENTS:]


def _well(pod: Object) -> bool:
    status = pod.get("status") or {}
    ready = {item["type"]: item["status"] for item in status.get("conditions") or []}.get("Ready")
    return ready == "True" or status.get("phase") == "Succeeded"


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _log(api: ApiClient, pod: Object, entry: Object) -> str:
    """Return the end of a container's log, of its previous run when it waits to run again."""
    state = entry.get("state") or {}
    if not entry.get("restartCount") and not {"terminated", "running"} & state.keys():
        return ""
    space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    previous = "&previous=true" if entry.get("restartCount") and "waiting" in state else ""
    query = f"container={entry['name']}&tailLines={LOG_LINES}{previous}"
    try:
        return _get(api, f"/api/v1/namespaces/{space}/pods/{name}/log?{query}").strip()
    except Exception:  # a pod without a log is no news
        return ""


def _client(kubeconfig: str) -> ApiClient:
    from kubernetes import client, config

    loaded = client.Configuration()
    if Path(kubeconfig).is_file():
        config.load_kube_config(config_file=kubeconfig, client_configuration=loaded)
    else:
        import yaml

        config.load_kube_config_from_dict(yaml.safe_load(kubeconfig), client_configuration=loaded)
    return client.ApiClient(loaded)


def _get(api: ApiClient, path: str) -> str:
    answer: Any = api.call_api(
        path, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=SECONDS
    )
    return answer[0].data.decode()
