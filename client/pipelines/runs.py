"""Reads a run's workflow: the state and times of each step, reused results, messages of the workflow controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from client.pipelines.server import Server

FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})
"""Final states of a run."""

RUN_LABEL = "pipeline/runid"
"""Label of a run's workflow and pods, with the id of the run."""

WAITING, DRIVER, STARTING, RUNNING = "waiting", "preparing", "pending", "running"
SUCCEEDED, CACHED, FAILED, OMITTED = "succeeded", "cached", "failed", "omitted"

PHASES = {"Succeeded": SUCCEEDED, "Failed": FAILED, "Error": FAILED, "Omitted": OMITTED, "Skipped": OMITTED}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run.

    Attributes:
        name: Name of the task.
        state: `waiting`, `preparing` (its driver runs), `pending`, `running`, `succeeded`, `cached` (an earlier
            result was reused), `failed` or `omitted`.
        driver_began: Start of the driver's pod.
        driver_ended: End of the driver's pod.
        began: Creation of the pod of the last attempt.
        ended: End of the pod of the last attempt.
        attempts: Number of pods that have run the step's code.
        message: Message of the workflow controller.
        pod: Name of the pod of the last attempt.
    """

    name: str
    state: str
    driver_began: datetime | None = None
    driver_ended: datetime | None = None
    began: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    message: str = ""
    pod: str = ""

    def seconds(self, now: datetime) -> float:
        """Return the seconds from the start of the driver to the end of the step or to `now`."""
        if self.driver_began is None:
            return 0.0
        last = self.ended or (self.driver_ended if self.state == CACHED else None) or now
        return max((last - self.driver_began).total_seconds(), 0.0)


def instant(text: object) -> datetime | None:
    """Parse a Kubernetes timestamp; None for an absent one."""
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def steps(workflow: Mapping[str, Any] | None, names: Sequence[str]) -> list[Step]:
    """Return the state of every step.

    Args:
        workflow: The run's workflow; None before it exists.
        names: The pipeline's tasks, in order.
    """
    nodes = ((workflow or {}).get("status") or {}).get("nodes") or {}
    prefix = f"{workflow['metadata']['name']}.root." if workflow else ""
    by_path = {str(node["name"]).removeprefix(prefix): node for node in nodes.values()}
    return [_step(name, by_path) for name in names]


def _step(name: str, by_path: Mapping[str, Mapping[str, Any]]) -> Step:
    driver, task, executor = (by_path.get(path) for path in (f"{name}-driver", name, f"{name}.executor"))
    attempts = sorted(
        (path for path in by_path if path.startswith(f"{name}.executor(")),
        key=lambda path: int(path[len(f"{name}.executor(") : -1]),
    )
    pod = by_path[attempts[-1]] if attempts else executor if executor and executor.get("type") == "Pod" else None
    lead = pod or task or driver or {}
    return Step(
        name=name,
        state=_state(driver, task, executor, pod),
        driver_began=instant((driver or {}).get("startedAt")),
        driver_ended=instant((driver or {}).get("finishedAt")),
        began=instant((pod or {}).get("startedAt")),
        ended=instant((pod or {}).get("finishedAt")),
        attempts=len(attempts) or (1 if pod else 0),
        message=str((lead or {}).get("message") or (driver or {}).get("message") or ""),
        pod=str((pod or {}).get("id", "")),
    )


def _state(
    driver: Mapping[str, Any] | None,
    task: Mapping[str, Any] | None,
    executor: Mapping[str, Any] | None,
    pod: Mapping[str, Any] | None,
) -> str:
    if executor is not None and executor.get("phase") == "Skipped":
        return CACHED
    ended = PHASES.get(str((task or {}).get("phase", "")))
    if ended is not None:
        return ended
    if pod is not None:
        return PHASES.get(str(pod.get("phase")), RUNNING if pod.get("phase") == "Running" else STARTING)
    if driver is None:
        return WAITING
    return PHASES.get(str(driver.get("phase")), DRIVER) if driver.get("phase") != "Succeeded" else STARTING


def cancelled(workflow: Mapping[str, Any] | None) -> bool:
    """Tell whether a user cancelled the run; the API of Pipelines reports a cancelled run as failed."""
    spec = (workflow or {}).get("spec") or {}
    return spec.get("activeDeadlineSeconds") == 0 or bool(spec.get("shutdown"))


def waiting(workflow: Mapping[str, Any] | None, now: datetime, limit_seconds: float) -> str | None:
    """Return the controller's message about a pod that is pending for more than `limit_seconds` seconds; else None."""
    nodes = ((workflow or {}).get("status") or {}).get("nodes") or {}
    messages = [_message(node) for node in nodes.values() if _is_overdue(node, now, limit_seconds)]
    return sorted(messages)[0] if messages else None


def _is_overdue(node: Mapping[str, Any], now: datetime, limit_seconds: float) -> bool:
    since = instant(node.get("startedAt"))
    held = node.get("type") == "Pod" and node.get("phase") == "Pending" and bool(node.get("message"))
    return held and since is not None and (now - since).total_seconds() > limit_seconds


def _message(node: Mapping[str, Any]) -> str:
    return f"{str(node['name']).split('.root', 1)[-1].lstrip('.-') or 'run'}: {node['message']}"


def failure_messages(workflow: Mapping[str, Any] | None) -> list[str]:
    """Return the controller's message about every failed node, as `node: message`; the message about the run last."""
    status = (workflow or {}).get("status") or {}
    found = [
        _message(node)
        for node in (status.get("nodes") or {}).values()
        if node.get("phase") in {"Failed", "Error"} and node.get("message")
    ]
    return sorted(set(found)) + ([f"run: {status['message']}"] if status.get("message") else [])


def selector(run_id: str) -> str:
    """Return the label selector of a run's workflow and pods."""
    return f"{RUN_LABEL}={run_id}"


def workflow(server: Server, run_id: str) -> dict[str, Any] | None:
    """Return a run's workflow; None before it exists and after garbage collection."""
    from kubernetes import client

    found = client.CustomObjectsApi(server.api).list_namespaced_custom_object(
        "argoproj.io", "v1alpha1", server.namespace, "workflows", label_selector=selector(run_id)
    )
    return found["items"][0] if found["items"] else None


def cancelled_runs(server: Server) -> frozenset[str]:
    """Return the ids of the runs that a user cancelled and whose workflows still exist."""
    from kubernetes import client

    found = client.CustomObjectsApi(server.api).list_namespaced_custom_object(
        "argoproj.io", "v1alpha1", server.namespace, "workflows"
    )
    ended = [item["metadata"].get("labels") or {} for item in found["items"] if cancelled(item)]
    return frozenset(labels.get(RUN_LABEL, "") for labels in ended)


def state(server: Server, run_id: str) -> str:
    """Return a run's state in the API: `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELING`..."""
    return str(server.read(lambda client: client.get_run(run_id)).state or "PENDING")
