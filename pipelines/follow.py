"""Following a run to its end: every change of a step is told, and a run that cannot go on is not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlp.errors import UserError
from mlp.patience import wait_for
from pipelines import pods, runs
from pipelines.server import Server

PAUSE_SECONDS = 1.0
END_SECONDS = 120.0
"""Longest wait for the end of a cancelled run; its pods have 30 s to end by themselves."""
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
        steps = runs.steps(runs.workflow(server, run_id), names)
        now = datetime.now(UTC)
        for step in steps:
            if step.state not in {states.get(step.name), runs.WAITING}:
                states[step.name] = step.state
                on_step(step, step.seconds(now))
        note = pods.stuck(pods.of_run(server, run_id), now, STUCK_SECONDS)
        if note and note != noted:
            noted = note
            on_note(note)
        seconds = time.monotonic() - began
        if state == "SUCCEEDED":
            return Ended(run_id=run_id, state=state, steps=steps, seconds=seconds)
        if state in runs.FINAL:
            raise failure(server, run_id, state)
        if seconds > timeout:
            cancel(server, run_id)
            raise failure(server, run_id, f"not ended within {timeout:.0f} s, so it was cancelled")
        time.sleep(PAUSE_SECONDS)


def cancel(server: Server, run_id: str) -> None:
    """Ask for the end of a run."""
    server.read(lambda client: client.terminate_run(run_id))


def until_ended(server: Server, run_id: str) -> None:
    """Wait until a cancelled run is at its end.

    Raises:
        UserError: It is not after END_SECONDS.
    """

    def state() -> str:
        now = runs.state(server, run_id)
        return "" if now in runs.FINAL else now.lower()

    wait_for(
        f"run {run_id} is at its end",
        state,
        seconds=END_SECONDS,
        next_step=f"mlp status --stack {server.stack}; the workflow controller has to run for it to end",
    )


def failure(server: Server, run_id: str, state: str) -> RunFailed:
    """Return the error that says why a run did not succeed: its pods' own words, and the workflow controller's."""
    told = [finding.text() for finding in pods.findings(server, run_id)] + runs.complaints(
        runs.workflow(server, run_id)
    )
    return RunFailed(
        f"run {run_id} did not succeed",
        seen="\n  ".join([state.lower(), *"\n".join(told).splitlines()]),
        next_step=f"mlp pipeline logs {run_id} --stack {server.stack}",
    )
