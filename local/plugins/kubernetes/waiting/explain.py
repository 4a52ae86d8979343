"""Why an object is not ready: conditions of its pods, events, last lines of the logs."""

from __future__ import annotations

from typing import Any

from local.plugins.kubernetes.client import ApiError, Client, Object, Unreachable
from local.plugins.kubernetes.waiting.conditions import condition

LOG_LINES = 10
EVENTS = 5
PODS = 3
"""How many of the pods that are not ready are described."""


def short(client: Client, obj: Object) -> str:
    """Return the first pod's trouble in one line, or nothing."""
    for pod in _troubled(client, obj)[:1]:
        for trouble in pod_troubles(pod):
            return f"pod {pod['metadata']['name']}: {trouble}"
    return ""


def reasons(client: Client, obj: Object) -> list[str]:
    """Return all that the cluster knows about why `obj` is not ready; never fails."""
    found: list[str] = []
    troubled = _troubled(client, obj)
    for pod in troubled[:PODS]:
        name = pod["metadata"]["name"]
        for trouble in pod_troubles(pod):
            found.append(f"pod {name}: {trouble}")
        for status in _containers(pod):
            if text := _log(client, pod, status):
                found.append(f"last lines of {name}/{status['name']}:\n{_indented(text)}")
    if len(troubled) > PODS:
        found.append(f"{len(troubled) - PODS} more pods are not ready")
    names = [obj["metadata"]["name"], *(pod["metadata"]["name"] for pod in troubled[:PODS])]
    return found + _events(client, obj["metadata"].get("namespace"), names, obj["metadata"].get("uid"))


def pod_troubles(pod: Object) -> list[str]:
    """Return what keeps a pod from being ready. Pure."""
    troubles: list[str] = []
    status = pod.get("status") or {}
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        troubles.append(f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}")
    if status.get("phase") == "Failed" and status.get("reason"):
        troubles.append(f"{status['reason']}: {status.get('message', '')}")
    for entry in _containers(pod):
        state, restarts = entry.get("state") or {}, entry.get("restartCount", 0)
        again = f", {restarts} restarts" if restarts else ""
        if waiting := state.get("waiting"):
            detail = ": ".join(part for part in (waiting.get("reason"), waiting.get("message")) if part)
            troubles.append(f"container {entry['name']} waits: {detail}{again}")
        elif ended := state.get("terminated"):
            if ended.get("exitCode"):
                troubles.append(
                    f"container {entry['name']} ended with {ended['exitCode']} ({ended.get('reason', '')}){again}"
                )
        elif "running" in state and not entry.get("ready"):
            troubles.append(f"container {entry['name']} runs but is not ready{again}")
    return troubles


def _containers(pod: Object) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _troubled(client: Client, obj: Object) -> list[Object]:
    if obj.get("kind") == "Pod":
        return [obj]
    space = obj["metadata"].get("namespace")
    selector = (obj.get("spec") or {}).get("selector")
    labels = selector.get("matchLabels") if isinstance(selector, dict) and "matchLabels" in selector else selector
    if not space or not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        return []
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
    try:
        pods = client.get(f"/api/v1/namespaces/{space}/pods", query).get("items", [])
    except (ApiError, Unreachable):
        return []
    ended = {"Succeeded"}
    return [
        pod
        for pod in sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp", ""), reverse=True)
        if condition(pod, "Ready").get("status") != "True" and (pod.get("status") or {}).get("phase") not in ended
    ]


def _log(client: Client, pod: Object, entry: dict[str, Any]) -> str:
    """Return the end of a container's log, of its previous run when it restarted."""
    state = entry.get("state") or {}
    if not entry.get("restartCount") and "terminated" not in state and "running" not in state:
        return ""
    if state.get("terminated", {}).get("exitCode") == 0:
        return ""
    space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    query = {"container": entry["name"], "tailLines": str(LOG_LINES)}
    if entry.get("restartCount") and "waiting" in state:
        query["previous"] = "true"
    try:
        return client.text(f"/api/v1/namespaces/{space}/pods/{name}/log", query).strip()
    except (ApiError, Unreachable):
        return ""


def _events(client: Client, space: str | None, names: list[str], uid: str | None) -> list[str]:
    try:
        events = client.get(f"/api/v1/namespaces/{space or 'default'}/events").get("items", [])
    except (ApiError, Unreachable):
        return []
    relevant = [event for event in events if event.get("type") != "Normal" and _about(event, names, uid)]
    relevant.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    seen: dict[str, None] = {}
    for event in relevant:
        about = f"{event['involvedObject'].get('kind', '').lower()} {event['involvedObject'].get('name')}"
        seen[f"event {event.get('reason')} on {about}: {event.get('message', '')}"] = None
    return list(seen)[-EVENTS:]


def _about(event: Object, names: list[str], uid: str | None) -> bool:
    """Tell whether an event is about the object, its pods, or what its controller made in between."""
    about = event["involvedObject"]
    name = about.get("name", "")
    return name in names or about.get("uid") == uid or name.startswith(f"{names[0]}-")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-LOG_LINES:])
