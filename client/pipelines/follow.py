"""Follows a run of a pipeline to its end, reports each change of a step, and explains a run that fails or waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from client.pipelines import pods, runs
from client.pipelines.server import Server
from common.errors import UserError
from common.waiting import wait_for

PAUSE_SECONDS = 1.0
END_SECONDS = 120.0
"""Longest wait for the end of a cancelled run; its pods have a grace period of 30 s."""
LAST_WARNINGS = 5
STUCK_SECONDS = 60.0
"""Time after which the reason of a waiting pod is reported; the pod may still start when other pods end."""


class RunFailed(UserError):
    """A run did not succeed; the text contains the reasons from its pods."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that succeeded.

    Attributes:
        run_id: Id of the run.
        state: Final state.
        steps: Steps of the run.
        seconds: Seconds from the beginning of `follow` to the end of the run.
    """

    run_id: str
    state: str
    steps: list[runs.Step]
    seconds: float


def follow(
    server: Server,
    run_id: str,
    names: Sequence[str],
    *,
    timeout: float,
    on_step: Callable[[runs.Step, float], None] = lambda _step, _seconds: None,
    on_note: Callable[[str], None] = lambda _note: None,
) -> Ended:
    """Wait until a run ends.

    Args:
        server: Kubeflow Pipelines.
        run_id: Id of the run.
        names: Names of its steps.
        timeout: Seconds after which the run is cancelled, so that no pod of it is left.
        on_step: Called with each step whose state changed, and its duration in seconds.
        on_note: Called with the reason why a pod does not start, once for each reason.

    Raises:
        RunFailed: The run failed, was cancelled or did not end in time; contains the last log lines of failed steps.
    """
    began = time.monotonic()
    states: dict[str, str] = {}
    noted: str | None = None
    while True:
        # Read the state before the steps, so that the steps of an ended run are final.
        state = runs.state(server, run_id)
        workflow = runs.workflow(server, run_id)
        steps = runs.steps(workflow, names)
        now = datetime.now(UTC)
        for step in steps:
            if step.state not in {states.get(step.name), runs.WAITING}:
                states[step.name] = step.state
                on_step(step, step.seconds(now))
        note = waiting(server, run_id, workflow, now, time.monotonic() - began)
        if note and note != noted:
            noted = note
            on_note(note)
        seconds = time.monotonic() - began
        if state == "SUCCEEDED":
            return Ended(run_id=run_id, state=state, steps=steps, seconds=seconds)
        if state in runs.FINAL:
            raise failure(server, run_id, state.lower())
        if seconds > timeout:
            # Collect the reasons before cancelling: they disappear with the waiting pods.
            late = f"not ended within {timeout:.0f} s, so it was cancelled"
            failed = failure(server, run_id, f"{late}\n{noted}" if noted else late)
            try:
                cancel(server, run_id)
            except UserError as error:
                raise failed from error
            raise failed
        time.sleep(PAUSE_SECONDS)


def waiting(
    server: Server, run_id: str, workflow: Mapping[str, Any] | None, now: datetime, seconds: float
) -> str | None:
    """Return why a run waits; None while it makes progress.

    Args:
        server: Kubeflow Pipelines.
        run_id: Id of the run.
        workflow: Its workflow; None before the workflow exists.
        now: Current time.
        seconds: Seconds since the submission.
    """
    found = pods.of_run(server, run_id)
    if not found and seconds > STUCK_SECONDS:
        return runs.waiting(workflow, now, STUCK_SECONDS) or "no pod yet; the workflow controller creates the pods"
    return pods.stuck(found, now, STUCK_SECONDS, lambda pod: pods.warnings(server, pod)) or runs.waiting(
        workflow, now, STUCK_SECONDS
    )


def cancel(server: Server, run_id: str, on_state: Callable[[str], None] = lambda _: None) -> None:
    """Cancel a run, wait for its end, and delete its pods.

    Raises:
        UserError: The run does not end, or its pods are not deleted.
    """
    server.read(lambda client: client.terminate_run(run_id))
    on_state("waiting for the end of the run")
    wait_for_end(server, run_id)
    on_state("deleting its pods")
    pods.remove(server, run_id)


def wait_for_end(server: Server, run_id: str) -> None:
    """Wait until a cancelled run has ended.

    Raises:
        UserError: The run has not ended after END_SECONDS.
    """

    def state() -> str:
        now = runs.state(server, run_id)
        return "" if now in runs.FINAL else now.lower()

    wait_for(
        f"run {run_id} to end",
        state,
        seconds=END_SECONDS,
        next_step=f"mlp status --stack {server.stack} shows whether the workflow controller runs",
    )


def explain(
    server: Server,
    run_id: str,
    workflow: Mapping[str, Any] | None,
    *,
    step: str | None = None,
    lines: int = pods.LAST_LINES,
) -> list[str]:
    """Return the reasons why a run fails or waits, in blocks of lines.

    The reasons come from the failed and the waiting pods. When no such pod is left, they come from the warning events
    about the run's pods. The messages of the workflow controller come last.

    Args:
        server: Kubeflow Pipelines.
        run_id: Id of the run.
        workflow: Its workflow; None after garbage collection.
        step: Only the pods of this step; all when None. The controller's messages are always of the whole run.
        lines: Log lines of each failed pod.
    """
    found = [item.text() for item in pods.findings(server, run_id, step=step, lines=lines)]
    if not found and workflow and runs.failure_messages(workflow):
        found = pods.warnings(server, f"{workflow['metadata']['name']}-")[-LAST_WARNINGS:]
    return found + runs.failure_messages(workflow)


def failure(server: Server, run_id: str, outcome: str) -> RunFailed:
    """Return the error about a run that did not succeed: its outcome, then the reasons from `explain`."""
    blocks = [outcome, *explain(server, run_id, runs.workflow(server, run_id))]
    return RunFailed(
        f"Run {run_id} did not succeed.",
        seen="\n  ".join("\n".join(blocks).splitlines()),
        next_step=f"mlp pipeline logs {run_id} --stack {server.stack}",
    )
