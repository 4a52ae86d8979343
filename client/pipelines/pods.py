"""Why a run failed or does not go on, from its pods: last log lines of what failed, the reason of what waits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from client.pipelines import runs
from client.pipelines.server import Server
from common.waiting import wait_for

LAST_LINES = 20
GONE_SECONDS = 120.0
MAIN = "main"
"""Argo's name of the container that runs a step's code."""

NODE_NAME = "workflows.argoproj.io/node-name"
"""Annotation: the pod's place in the workflow."""

LAUNCHER = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.|time=\".*argo=true")
"""Beginning of lines that are not the step's own; fatal ones of the launcher (`F`) stay."""

BENIGN = ("ContainerCreating", "PodInitializing")
"""Waiting reasons of every start."""

STATUS_FINALIZER = "workflows.argoproj.io/status"
"""Argo's finalizer: it keeps a pod until the workflow controller has recorded how the pod ended."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to know about a run.

    Attributes:
        step: Step it is about; with `-driver` for what prepares the step.
        pod: The pod.
        why: The reason, in one line.
        lines: Last lines of its log; empty for a pod that never ran.
    """

    step: str
    pod: str
    why: str
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as shown: a line for the reason, one for each of the log's."""
        return "\n".join([f"{self.step} ({self.pod}): {self.why}", *(f"    {line}" for line in self.lines)])


def step_of(node_name: str) -> str:
    """Return the step out of a node's name: `flights-x1.root.train.executor(0)` is of `train`."""
    parts = node_name.split(".")
    return parts[2].split("(")[0] if len(parts) > 2 else parts[-1].split("(")[0]


def waiting(pod: Any) -> str | None:  # noqa: ANN401 the client's models carry no usable types
    """Return why a pod does not start; None when nothing speaks against it."""
    status = pod.status
    for item in [*(status.init_container_statuses or []), *(status.container_statuses or [])]:
        reason = item.state.waiting if item.state else None
        if reason is not None and reason.reason not in BENIGN and not (item.state.running or item.state.terminated):
            return f"{reason.reason}: {reason.message or item.image}"
    for condition in status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message}"
    return None


def ended_badly(pod: Any) -> str | None:  # noqa: ANN401 as above
    """Return why a pod failed; None when it did not."""
    if pod.status.phase != "Failed":
        return None
    for item in [*(pod.status.container_statuses or []), *(pod.status.init_container_statuses or [])]:
        ended = item.state.terminated if item.state else None
        if ended is not None and ended.exit_code != 0 and (item.name == MAIN or not pod.status.container_statuses):
            return f"{ended.reason or 'Error'}, exit code {ended.exit_code}"
    return " ".join(filter(None, [pod.status.reason, pod.status.message])) or "failed"


def of_run(server: Server, run_id: str) -> list[Any]:
    """Return the pods of a run, oldest first."""
    from kubernetes import client

    found = client.CoreV1Api(server.api).list_namespaced_pod(server.namespace, label_selector=runs.selector(run_id))
    return sorted(found.items, key=lambda pod: pod.metadata.creation_timestamp)


def own(lines: Iterable[str]) -> list[str]:
    """Return the lines that a step's code wrote, without those of the launcher and of Argo around it."""
    return [line for line in lines if not LAUNCHER.match(line)]


def log(server: Server, pod: str, lines: int | None = LAST_LINES, *, timestamps: bool = False) -> list[str]:
    """Return the last lines of a step's log; none where there is no log.

    Args:
        server: Where.
        pod: Name of the pod.
        lines: How many, of those that the step's code wrote; the whole log when None.
        timestamps: Whether each line begins with the instant at which it was written.
    """
    from kubernetes import client

    try:
        text = client.CoreV1Api(server.api).read_namespaced_pod_log(
            pod, server.namespace, container=MAIN, timestamps=timestamps
        )
    except client.ApiException:
        return []
    return text.splitlines() if lines is None else own(text.splitlines())[-lines:]


def findings(server: Server, run_id: str, *, step: str | None = None, lines: int = LAST_LINES) -> list[Finding]:
    """Return what is wrong with a run: failed pods with the end of their log, pods that cannot start with the reason.

    Args:
        server: Where.
        run_id: The run.
        step: Only of this step.
        lines: Log lines of each failed pod.
    """
    found = []
    for pod in of_run(server, run_id):
        name = step_of((pod.metadata.annotations or {}).get(NODE_NAME, pod.metadata.name))
        if step is not None and name.removesuffix("-driver") != step:
            continue
        bad = ended_badly(pod)
        why = bad or (waiting(pod) if pod.status.phase == "Pending" else None)
        if why:
            tail = tuple(log(server, pod.metadata.name, lines)) if bad else ()
            found.append(Finding(step=name, pod=pod.metadata.name, why=why, lines=tail))
    return found


def stuck(
    pods: Iterable[Any], now: datetime, patience: float, told: Callable[[str], list[str]] = lambda _pod: []
) -> str | None:
    """Return why a pod that has waited for longer than `patience` seconds does; None when none has.

    Args:
        pods: Pods of the run.
        now: Present instant.
        patience: Seconds.
        told: Gives the cluster's warnings about a pod, asked where its status does not say why it waits.
    """
    for pod in pods:
        if pod.status.phase != "Pending" or (now - pod.metadata.creation_timestamp).total_seconds() <= patience:
            continue
        why = waiting(pod) or "; ".join(told(pod.metadata.name)[-1:])
        if why:
            name = step_of((pod.metadata.annotations or {}).get(NODE_NAME, pod.metadata.name))
            return f"{name}: {why}"
    return None


def warnings(server: Server, prefix: str) -> list[str]:
    """Return the cluster's warnings about pods whose names begin so, oldest first; they outlive the pods by an hour.

    Args:
        server: Where.
        prefix: Name of a pod, or of the workflow whose pods they are.
    """
    from kubernetes import client

    events = client.CoreV1Api(server.api).list_namespaced_event(
        server.namespace, field_selector="type=Warning,involvedObject.kind=Pod"
    )
    mine = [event for event in events.items if event.involved_object.name.startswith(prefix)]
    mine.sort(key=lambda event: event.last_timestamp or event.metadata.creation_timestamp)
    return list(dict.fromkeys(f"{event.reason}: {event.message}" for event in mine))


def remove(server: Server, run_id: str) -> None:
    """Delete the pods of a run that has ended, and wait until they are gone.

    Raises:
        UserError: One is still there after GONE_SECONDS.
    """
    from kubernetes import client

    core = client.CoreV1Api(server.api)
    core.delete_collection_namespaced_pod(server.namespace, label_selector=runs.selector(run_id))

    def left() -> str:
        found = of_run(server, run_id)
        for pod in found:
            if held_for_nothing(pod):
                release(core, pod)
        return ", ".join(f"{pod.metadata.name} ({pod.status.phase.lower()})" for pod in found)

    wait_for(
        f"the pods of run {run_id} to be removed",
        left,
        seconds=GONE_SECONDS,
        next_step=f"mlp status --stack {server.stack}; the workflow controller has to run for them to go",
    )


def held_for_nothing(pod: Any) -> bool:  # noqa: ANN401 as above
    """Return whether a deleted pod has ended and only Argo's finalizer keeps it.

    The controller does not always come back to a pod that ends after its workflow: the pod would stay until its
    workflow is collected.
    """
    held = STATUS_FINALIZER in (pod.metadata.finalizers or [])
    return held and pod.metadata.deletion_timestamp is not None and pod.status.phase in ("Succeeded", "Failed")


def release(core: Any, pod: Any) -> None:  # noqa: ANN401 as above
    """Remove Argo's finalizer from a pod of a run that has ended; a pod that is gone already is fine."""
    from kubernetes import client

    kept = [name for name in pod.metadata.finalizers if name != STATUS_FINALIZER]
    # The version makes the change fail when somebody else changed the pod since it was read.
    change = {"metadata": {"finalizers": kept, "resourceVersion": pod.metadata.resource_version}}
    try:
        core.patch_namespaced_pod(pod.metadata.name, pod.metadata.namespace, change)
    except client.ApiException as error:
        if error.status not in (404, 409):
            raise


def main_pod(server: Server, run_id: str, step: str) -> str | None:
    """Return the pod that ran a step's code last; None when none did, or it was collected."""
    names = [
        pod.metadata.name
        for pod in of_run(server, run_id)
        if step_of((pod.metadata.annotations or {}).get(NODE_NAME, "")) == step
    ]
    return names[-1] if names else None
