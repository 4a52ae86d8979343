"""Explains why a run of a pipeline failed or waits, from its pods: reasons, and the last log lines of failed steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from client import pods as any_pods
from client.pipelines import runs
from client.pipelines.server import Server
from common.waiting import wait_for

LAST_LINES = 20
GONE_SECONDS = 120.0
MAIN = "main"
"""Argo's name of the container that runs a step's code."""

NODE_NAME = "workflows.argoproj.io/node-name"
"""Annotation with the name of the workflow node that the pod runs."""

LAUNCHER = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.|time=\".*argo=true")
"""Beginning of the log lines of the launcher and of Argo; the launcher's fatal lines (`F`) do not match."""

STATUS_FINALIZER = "workflows.argoproj.io/status"
"""Argo's finalizer: it keeps a pod until the workflow controller has recorded how the pod ended."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A pod that failed or cannot start.

    Attributes:
        step: Name of the step; with `-driver` for the pod that prepares the step.
        pod: Name of the pod.
        why: The reason, in one line.
        lines: Last lines of the log; empty for a pod that never ran.
    """

    step: str
    pod: str
    why: str
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text for users: a line with the reason, then the lines of the log."""
        return "\n".join([f"{self.step} ({self.pod}): {self.why}", *(f"    {line}" for line in self.lines)])


def step_of(node_name: str) -> str:
    """Return the step that a workflow node belongs to: `train` for `flights-x1.root.train.executor(0)`."""
    parts = node_name.split(".")
    return parts[2].split("(")[0] if len(parts) > 2 else parts[-1].split("(")[0]


def of_run(server: Server, run_id: str) -> list[Any]:
    """Return the pods of a run, oldest first."""
    from kubernetes import client

    found = client.CoreV1Api(server.api).list_namespaced_pod(server.namespace, label_selector=runs.selector(run_id))
    return sorted(found.items, key=lambda pod: pod.metadata.creation_timestamp)


def step_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that a step's code wrote, without those of the launcher and of Argo."""
    return [line for line in lines if not LAUNCHER.match(line)]


def log(server: Server, pod: str, lines: int | None = LAST_LINES, *, timestamps: bool = False) -> list[str]:
    """Return the last lines of a step's log; empty when there is no log.

    Args:
        server: Kubeflow Pipelines.
        pod: Name of the pod.
        lines: Number of lines that the step's code wrote; None for the whole log.
        timestamps: Whether each line begins with its time.
    """
    from kubernetes import client

    try:
        text = client.CoreV1Api(server.api).read_namespaced_pod_log(
            pod, server.namespace, container=MAIN, timestamps=timestamps
        )
    except client.ApiException:
        return []
    return text.splitlines() if lines is None else step_lines(text.splitlines())[-lines:]


def findings(server: Server, run_id: str, *, step: str | None = None, lines: int = LAST_LINES) -> list[Finding]:
    """Return the failed pods of a run with the end of their logs, and the pods that cannot start with the reason.

    Args:
        server: Kubeflow Pipelines.
        run_id: Id of the run.
        step: Only the pods of this step; all when None.
        lines: Log lines of each failed pod.
    """
    found = []
    for pod in of_run(server, run_id):
        name = step_of((pod.metadata.annotations or {}).get(NODE_NAME, pod.metadata.name))
        if step is not None and name.removesuffix("-driver") != step:
            continue
        failure = any_pods.why_failed(pod, MAIN)
        why = failure or (any_pods.why_waiting(pod) if pod.status.phase == "Pending" else None)
        if why:
            tail = tuple(log(server, pod.metadata.name, lines)) if failure else ()
            found.append(Finding(step=name, pod=pod.metadata.name, why=why, lines=tail))
    return found


def stuck(
    pods: Iterable[Any],
    now: datetime,
    limit_seconds: float,
    warnings_about: Callable[[str], list[str]] = lambda _pod: [],
) -> str | None:
    """Return the step and reason of the first pod that has waited for more than `limit_seconds` seconds; else None.

    Args:
        pods: Pods of the run.
        now: Current time.
        limit_seconds: Seconds.
        warnings_about: Returns the warning events about a pod; used when the pod's status has no reason.
    """
    for pod in pods:
        if pod.status.phase != "Pending" or (now - pod.metadata.creation_timestamp).total_seconds() <= limit_seconds:
            continue
        why = any_pods.why_waiting(pod) or "; ".join(warnings_about(pod.metadata.name)[-1:])
        if why:
            name = step_of((pod.metadata.annotations or {}).get(NODE_NAME, pod.metadata.name))
            return f"{name}: {why}"
    return None


def warnings(server: Server, prefix: str) -> list[str]:
    """Return the warning events about pods, oldest first, also about pods that no longer exist.

    Args:
        server: Kubeflow Pipelines.
        prefix: Beginning of the pods' names: the name of a pod, or of a workflow.
    """
    events = any_pods.warnings(server.api, server.namespace, lambda name: name.startswith(prefix), kind="Pod")
    return list(dict.fromkeys(f"{event.reason}: {event.message}" for event in events))


def remove(server: Server, run_id: str) -> None:
    """Delete the pods of a run that has ended, and wait until they are gone.

    Raises:
        UserError: A pod still exists after GONE_SECONDS.
    """
    from kubernetes import client

    client.CoreV1Api(server.api).delete_collection_namespaced_pod(
        server.namespace, label_selector=runs.selector(run_id)
    )

    def left() -> str:
        found = of_run(server, run_id)
        for pod in found:
            if only_finalizer_left(pod):
                any_pods.remove_finalizer(server.api, pod, STATUS_FINALIZER)
        return ", ".join(f"{pod.metadata.name} ({pod.status.phase.lower()})" for pod in found)

    wait_for(
        f"the pods of run {run_id} to be removed",
        left,
        seconds=GONE_SECONDS,
        next_step=f"mlp status --stack {server.stack} shows whether the workflow controller runs",
    )


def only_finalizer_left(pod: Any) -> bool:  # noqa: ANN401 the client's models carry no usable types
    """Tell whether a deleted pod has ended and only Argo's finalizer keeps it.

    The controller does not always process a pod that ends after its workflow. The pod would then stay until the
    garbage collection of the workflow.
    """
    held = STATUS_FINALIZER in (pod.metadata.finalizers or [])
    return held and pod.metadata.deletion_timestamp is not None and pod.status.phase in ("Succeeded", "Failed")


def main_pod(server: Server, run_id: str, step: str) -> str | None:
    """Return the pod of a step's last attempt; None before the first attempt and after garbage collection."""
    names = [
        pod.metadata.name
        for pod in of_run(server, run_id)
        if step_of((pod.metadata.annotations or {}).get(NODE_NAME, "")) == step
    ]
    return names[-1] if names else None
