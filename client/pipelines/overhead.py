"""Measures what the platform adds to each step of a run: the gap before it, its driver, the start of its pod.

Times come from the workflow and the pods, with a resolution of one second. The start of the step's code is the
container runtime's timestamp of the first log line that the step writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from client.pipelines.runs import CACHED, Step, instant

BEGAN = "user code began"
"""Text in the first log line of a step that is measured."""


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Seconds of each part of one step; None where the step does not have the part.

    Attributes:
        step: Name of the step.
        gap: End of the previous step to creation of the driver's pod.
        driver: Creation to end of the driver's pod.
        handover: End of the driver's pod to creation of the step's own pod.
        start: Creation of the step's own pod to the first line of its code.
        code: First line of the step's code to the end of its pod.
    """

    step: str
    gap: float | None = None
    driver: float | None = None
    handover: float | None = None
    start: float | None = None
    code: float | None = None

    @property
    def added(self) -> float:
        """Seconds outside the step's own code."""
        return sum(part for part in (self.gap, self.driver, self.handover, self.start) if part is not None)

    def as_dict(self) -> dict[str, float | str | None]:
        """Return the JSON form."""
        return {**asdict(self), "added": self.added}


def between(first: datetime | None, second: datetime | None) -> float | None:
    """Return the seconds between two times; None unless both are known."""
    return None if first is None or second is None else round(max((second - first).total_seconds(), 0.0), 2)


def began(lines: Sequence[str]) -> datetime | None:
    """Return when a step's code began, from its log with timestamps."""
    for line in lines:
        stamp, _, text = line.partition(" ")
        if BEGAN in text:
            # `datetime` reads at most microseconds.
            return instant(stamp[:26].rstrip("Z") + "+00:00")
    return None


def overheads(steps: Sequence[Step], code_began: Mapping[str, datetime | None]) -> list[Overhead]:
    """Return the overhead of each step that ran or was reused.

    Args:
        steps: Steps of a run, in the order in which they ran.
        code_began: Time at which each step's code began, where it is known.
    """
    found = []
    previous_end: datetime | None = None
    for step in steps:
        if step.driver_began is None:
            continue
        code = code_began.get(step.name)
        ran = step.state != CACHED
        found.append(
            Overhead(
                step=step.name,
                gap=between(previous_end, step.driver_began),
                driver=between(step.driver_began, step.driver_ended),
                handover=between(step.driver_ended, step.began) if ran else None,
                start=between(step.began, code) if ran else None,
                code=between(code, step.ended) if ran else None,
            )
        )
        previous_end = step.ended or step.driver_ended
    return found
