"""Following a run to its end: every change of a step is told, and a run that cannot go on is not waited for."""

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
"""Longest wait for the end of a cancelled run; its pods have 30 s to end by themselves."""
LAST_WARNINGS = 5
STUCK_SECONDS = 60.0
"""A pod may wait for another's end; one that has a reason not to start for this long is reported, and waits on."""


class RunFailed(UserError):
    """A run did not succeed; the text says why, from its pods."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that ended well.

    Attributes:
        run_id: Its id.
        state: Its final state.
        steps: Its steps.
        seconds: From its submission to its end, as followed here.
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
        server: Where.
        run_id: The run.
        names: Its steps.
        timeout: Seconds after which it is cancelled, so that nothing of it stays behind.
        on_step: Called with each step whose state changed, and its seconds.
        on_note: Called with why a pod does not start, once for each reason.

    Raises:
        RunFailed: It failed, was cancelled or did not end in time; with the last log lines of what failed.
    """
    began = time.monotonic()
    states: dict[str, str] = {}
    noted: str | None = None
    while True:
        # The state first: steps that are looked at after the end are at their end.
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
            # The reasons first: with the pods that wait, what they wait for goes.
            late = f"not ended within {timeout:.0f} s, so it was cancelled"
            failed = failure(server, run_id, f"{late}\n{noted}" if noted else late)
            try:
                end(server, run_id)
            except UserError as error:
                raise failed from error
            raise failed
        time.sleep(PAUSE_SECONDS)


def waiting(
    server: Server, run_id: str, workflow: Mapping[str, Any] | None, now: datetime, seconds: float
) -> str | None:
    """Return why a run does not go on; None when nothing speaks against it.

    Args:
        server: Where.
        run_id: The run.
        workflow: Its workflow; None before there is one.
        now: Present instant.
        seconds: Since its submission.
    """
    found = pods.of_run(server, run_id)
    if not found and seconds > STUCK_SECONDS:
        return runs.waiting(workflow, now, STUCK_SECONDS) or "no pod was made yet; the workflow controller makes them"
    return pods.stuck(found, now, STUCK_SECONDS, lambda pod: pods.warnings(server, pod)) or runs.waiting(
        workflow, now, STUCK_SECONDS
    )


def end(server: Server, run_id: str, on_state: Callable[[str], None] = lambda _: None) -> None:
    """End a run, wait for its end, and take its pods away.

    Raises:
        UserError: It does not end, or its pods do not go.
    """
    server.read(lambda client: client.terminate_run(run_id))
    on_state("waiting for its end")
    until_ended(server, run_id)
    on_state("removing its pods")
    pods.remove(server, run_id)


def until_ended(server: Server, run_id: str) -> None:
    """Wait until a cancelled run is at its end.

    Raises:
        UserError: It is not after END_SECONDS.
    """

    def state() -> str:
        now = runs.state(server, run_id)
        return "" if now in runs.FINAL else now.lower()

    wait_for(
        f"run {run_id} to end",
        state,
        seconds=END_SECONDS,
        next_step=f"mlp status --stack {server.stack}; the workflow controller has to run for it to end",
    )


def explained(
    server: Server,
    run_id: str,
    workflow: Mapping[str, Any] | None,
    *,
    step: str | None = None,
    lines: int = pods.LAST_LINES,
) -> list[str]:
    """Return all that is known about why a run fails or waits, in blocks of lines.

    Pods that failed and pods that wait speak for themselves. Where none is left that does, the cluster's warnings
    about those that were do; what the workflow controller says comes last.

    Args:
        server: Where.
        run_id: The run.
        workflow: Its workflow; None when it was collected.
        step: Only of this step, the controller's words apart.
        lines: Log lines of each failed pod.
    """
    found = [item.text() for item in pods.findings(server, run_id, step=step, lines=lines)]
    if not found and workflow and runs.complaints(workflow):
        found = pods.warnings(server, f"{workflow['metadata']['name']}-")[-LAST_WARNINGS:]
    return found + runs.complaints(workflow)


def failure(server: Server, run_id: str, said: str) -> RunFailed:
    """Return the error that says why a run did not succeed: `said`, its pods' own words, the workflow controller's."""
    told = [said, *explained(server, run_id, runs.workflow(server, run_id))]
    return RunFailed(
        f"run {run_id} did not succeed",
        seen="\n  ".join("\n".join(told).splitlines()),
        next_step=f"mlp pipeline logs {run_id} --stack {server.stack}",
    )
