"""Explains pods: why a pod waits, why it failed, why it is not ready, the end of its log, warnings about it.

Also removes a controller's finalizer from a pod. Pods and events are models of the Kubernetes client. Functions
without an API argument are pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CoreV1Event, V1ContainerStatus, V1Pod

NORMAL_START = ("ContainerCreating", "PodInitializing")
"""Reasons for which a container waits at every start."""


def container_statuses(pod: V1Pod) -> list[V1ContainerStatus]:
    """Return the status of every container of a pod, init containers first."""
    status = pod.status
    if status is None:
        return []
    return [*(status.init_container_statuses or []), *(status.container_statuses or [])]


def unscheduled(pod: V1Pod) -> str | None:
    """Return why the scheduler finds no node for a pod; None when it found one or has not tried yet."""
    for condition in (pod.status.conditions if pod.status else None) or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason or 'Unschedulable'}: {condition.message or ''}"
    return None


def why_waiting(pod: V1Pod) -> str | None:
    """Return why a pod does not start, as `reason: message`; None while it starts normally or runs."""
    for item in container_statuses(pod):
        waiting = item.state.waiting if item.state else None
        if waiting is not None and waiting.reason and waiting.reason not in NORMAL_START:
            return f"{waiting.reason}: {waiting.message or item.image}"
    return unscheduled(pod)


def why_failed(pod: V1Pod, container: str | None = None) -> str | None:
    """Return why a pod failed; None unless its phase is Failed.

    Args:
        pod: The pod.
        container: Container whose exit code explains the failure, where it was started; any when None.
    """
    status = pod.status
    if status is None or status.phase != "Failed":
        return None
    for item in [*(status.container_statuses or []), *(status.init_container_statuses or [])]:
        ended = item.state.terminated if item.state else None
        counts = container is None or item.name == container or not status.container_statuses
        if ended is not None and ended.exit_code != 0 and counts:
            return f"{ended.reason or 'Error'}, exit code {ended.exit_code}"
    return " ".join(filter(None, [status.reason, status.message])) or "failed"


def why_not_ready(pod: V1Pod) -> list[str]:
    """Return everything that keeps a pod from being ready, in one line each; empty when its status says nothing."""
    status = pod.status
    if status is None:
        return []
    found: list[str] = []
    if (reason := unscheduled(pod)) is not None:
        found.append(reason)
    if status.phase == "Failed" and status.reason:
        found.append(f"{status.reason}: {status.message or ''}")
    return found + [text for item in container_statuses(pod) if (text := _container_problem(item)) is not None]


def _container_problem(item: V1ContainerStatus) -> str | None:
    restarts = f", {item.restart_count} restarts" if item.restart_count else ""
    waiting, running, ended = (
        (item.state.waiting, item.state.running, item.state.terminated) if item.state else (None, None, None)
    )
    if waiting is not None:
        detail = ": ".join(part for part in (waiting.reason, waiting.message) if part)
        return f"container {item.name} waits: {detail}{restarts}"
    if ended is not None and ended.exit_code:
        return f"container {item.name} ended with {ended.exit_code} ({ended.reason or ''}){restarts}"
    if running is not None and not item.ready:
        return f"container {item.name} runs but is not ready{restarts}"
    return None


def is_ready(pod: V1Pod) -> bool:
    """Tell whether a pod is ready or has run to its end."""
    conditions = {item.type: item.status for item in (pod.status.conditions if pod.status else None) or []}
    return conditions.get("Ready") == "True" or (pod.status is not None and pod.status.phase == "Succeeded")


def started(pod: V1Pod) -> bool:
    """Tell whether the containers of a pod run or have run, so that it has a log."""
    return bool(pod.status and pod.status.phase in {"Running", "Succeeded", "Failed"})


def has_log(item: V1ContainerStatus) -> bool:
    """Tell whether a container runs or has run."""
    state = item.state
    return bool(item.restart_count or (state and (state.running or state.terminated)))


def log_end(api: ApiClient, pod: V1Pod, item: V1ContainerStatus, lines: int, *, timeout: float | None = None) -> str:
    """Return the end of a container's log; of its previous run when the container waits to run again.

    Args:
        api: Client of the cluster.
        pod: The pod.
        item: Status of the container.
        lines: Number of lines.
        timeout: Time limit of the request in seconds; none when None.

    Raises:
        ApiException: There is no log.
    """
    from kubernetes.client import CoreV1Api

    previous = bool(item.restart_count and item.state and item.state.waiting)
    text: str = CoreV1Api(api).read_namespaced_pod_log(
        pod.metadata.name,
        pod.metadata.namespace,
        container=item.name,
        tail_lines=lines,
        previous=previous,
        _request_timeout=timeout,
    )
    return text.strip()


def remove_finalizer(api: ApiClient, pod: V1Pod, finalizer: str) -> None:
    """Remove a controller's finalizer from a pod; ignore a pod without it and a pod that no longer exists.

    Args:
        api: Client of the cluster.
        pod: The pod.
        finalizer: Finalizer of a controller that is not needed for this pod any more; others stay.
    """
    from kubernetes.client import ApiException, CoreV1Api

    if finalizer not in (pod.metadata.finalizers or []):
        return
    # A patch with a list of finalizers is merged with the pod's list, so only this directive removes one.
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": [finalizer]}}
    try:
        CoreV1Api(api).patch_namespaced_pod(pod.metadata.name, pod.metadata.namespace, change)
    except ApiException as error:
        if error.status != 404:
            raise


def warnings(
    api: ApiClient,
    namespace: str,
    concerns: Callable[[str], bool],
    *,
    kind: str | None = None,
    timeout: float | None = None,
) -> list[CoreV1Event]:
    """Return the warning events about some objects, oldest first, each message once.

    The cluster keeps events for an hour, longer than some of the pods that they are about.

    Args:
        api: Client of the cluster.
        namespace: Namespace of the objects.
        concerns: Tells from an object's name whether its events are wanted.
        kind: Kind of the objects; any when None.
        timeout: Time limit of the request in seconds; none when None.
    """
    from kubernetes.client import CoreV1Api

    selector = "type=Warning" + (f",involvedObject.kind={kind}" if kind else "")
    core = CoreV1Api(api)
    listed = core.list_namespaced_event(namespace, field_selector=selector, _request_timeout=timeout).items
    wanted = [event for event in listed if concerns(event.involved_object.name)]
    wanted.sort(key=lambda event: event.last_timestamp or event.event_time or event.metadata.creation_timestamp)
    last = {(event.involved_object.name, event.reason, event.message): event for event in wanted}
    return list(last.values())
