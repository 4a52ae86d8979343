"""Applies the system objects of the cluster (DNS, volumes, metrics) and checks that they are ready."""

from __future__ import annotations

import base64
import datetime
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

import yaml

from node import addresses, layout
from node.api import Api, ApiError, Object

MANIFESTS = Path(__file__).parent / "manifests"
IMAGES = ("pause", "coredns", "base", "local-path-provisioner", "metrics-server")
"""Images of the system pods; `base` runs the scripts that create and remove the folders of volumes."""

NAMESPACE = "kube-system"
AWAITED = ("coredns", "local-path-provisioner")
"""Deployments that a start waits for; not metrics-server, which is ready only after two scrapes."""

POLL_SECONDS = 0.25
Problem = Callable[[], str | None]
"""Returns what is missing; None when everything is ready."""

Action = Callable[[], None]


def objects(images: Mapping[str, str], keys: Path = layout.PKI) -> list[Object]:
    """Return the system objects in the order in which they are applied.

    Args:
        images: Reference of each image in `IMAGES`.
        keys: Folder of the cluster's certificates.
    """

    def encoded(name: str) -> str:
        return base64.b64encode((keys / name).read_bytes()).decode()

    known = {
        "dns": str(addresses.DNS),
        "domain": addresses.DOMAIN,
        "namespace": NAMESPACE,
        "volumes": str(layout.VOLUMES_MOUNT),
        "cluster_ca": encoded("ca.crt"),
        "metrics_certificate": encoded("metrics-server.crt"),
        "metrics_key": encoded("metrics-server.key"),
        **{f"image_{name.replace('-', '_')}": reference for name, reference in images.items()},
    }
    found: list[Object] = []
    for path in sorted(MANIFESTS.glob("*.yaml")):
        rendered = Template(path.read_text()).substitute(known)
        found.extend(item for item in yaml.safe_load_all(rendered) if item)
    return found


def apply(api: Api, items: list[Object]) -> None:
    """Server-side apply `items`.

    Raises:
        ApiError: The server refused an object, and kept refusing it when retried.
    """
    for item in items:
        try:
            api.apply(item)
        except ApiError:
            # Right after its start, the server may not have created the namespace or filled its admission caches yet.
            if (problem := wait(lambda item=item: _attempt(api, item), 15.0)) is not None:
                raise ApiError(problem) from None


def _attempt(api: Api, item: Object) -> str | None:
    try:
        api.apply(item)
    except ApiError as error:
        return str(error)
    return None


def node_problem(api: Api, since: float = 0.0) -> str | None:
    """Return why the node is not Ready, or None when it is.

    Args:
        api: Client of the cluster.
        since: Start of the node, in seconds since 1970; reports from before belong to an earlier start and are ignored.
    """
    try:
        node = api.get(f"/api/v1/nodes/{addresses.NODE_NAME}")
        lease = api.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{addresses.NODE_NAME}")
    except ApiError:
        return "the kubelet has not registered the node"
    if _seconds(lease["spec"].get("renewTime")) < since:
        return "the kubelet has not renewed the node's lease"
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return None if condition["status"] == "True" else str(condition.get("message") or condition.get("reason"))
    return "the kubelet has not reported the node's state"


def deployment_problem(api: Api, name: str, since: float = 0.0) -> str | None:
    """Return why the Deployment `name` of the system namespace is not available, or None when it is.

    Args:
        api: Client of the cluster.
        name: The Deployment.
        since: Start of the node, in seconds since 1970; a container that started before belongs to an earlier start,
            and the kubelet has not reported its end yet.
    """
    try:
        found = api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
    except ApiError as error:
        return f"{name}: {error}"
    status = found.get("status", {})
    current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    wanted = found["spec"]["replicas"]
    try:
        pods = api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3D{name}")["items"]
    except ApiError as error:
        return f"{name}: {error}"
    if current and status.get("availableReplicas", 0) >= wanted and status.get("updatedReplicas", 0) >= wanted:
        fresh = sum(_started(pod) >= int(since) for pod in pods)
        return None if fresh >= wanted else f"{name}: its pod has not started since the node's start"
    return f"{name}: {_pod_problem(pods)}"


def _started(pod: Object) -> float:
    """Return the start of the most recently started running container of `pod`; 0 when no container is running."""
    states = [entry.get("state", {}) for entry in pod.get("status", {}).get("containerStatuses", [])]
    return max((_seconds(state.get("running", {}).get("startedAt")) for state in states), default=0.0)


def _seconds(moment: str | None) -> float:
    """Return an RFC 3339 time as seconds since 1970; 0 for None."""
    return datetime.datetime.fromisoformat(moment).timestamp() if moment else 0.0


def _pod_problem(pods: list[Object]) -> str:
    reasons: list[str] = []
    for pod in pods:
        status = pod.get("status", {})
        for container in status.get("containerStatuses", []):
            waiting = container.get("state", {}).get("waiting")
            if waiting:
                reasons.append(f"{waiting.get('reason')} {waiting.get('message', '')}".strip())
        reasons += [
            f"{condition['type']} is false: {condition['message']}"
            for condition in status.get("conditions", [])
            if condition.get("status") == "False" and condition.get("message")
        ]
    return "; ".join(dict.fromkeys(reasons)) or (f"{len(pods)} pods, none ready yet" if pods else "no pod yet")


def problem(api: Api, since: float = 0.0) -> str | None:
    """Return why the node is not Ready or an awaited Deployment is not available; None when all are.

    Args:
        api: Client of the cluster.
        since: Start of the node, in seconds since 1970; older reports are ignored.
    """
    found = node_problem(api, since)
    if found is not None:
        return found
    missing = [text for name in AWAITED if (text := deployment_problem(api, name, since))]
    return "; ".join(missing) or None


def wait(problem: Problem, seconds: float) -> str | None:
    """Call `problem` until it returns None or the time is over; return its last result."""
    deadline = time.monotonic() + seconds
    while (found := problem()) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found
