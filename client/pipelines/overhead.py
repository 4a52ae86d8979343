"""What the platform adds to each step: its driver, the way from pod creation to the step's code, the gap before it.

Instants are the workflow's and the pods' own, with a resolution of a second; the beginning of the step's code is the
container runtime's stamp on the log line that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from client.pipelines.runs import CACHED, Step, instant

BEGAN = "user code began"
"""Text in the first log line of a step that wants to be measured."""


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Seconds of one step; None where the step had no such part.

    Attributes:
        step: Name of the step.
        gap: From the end of the step before to the creation of this one's driver.
        driver: Creation to end of the driver's pod.
        handover: From there to the creation of the step's own pod.
        start: From the creation of that pod to the step's code.
        code: From there to the end of the pod.
    """

    step: str
    gap: float | None = None
    driver: float | None = None
    handover: float | None = None
    start: float | None = None
    code: float | None = None

    @property
    def added(self) -> float:
        """Seconds that are not the step's own code."""
        return sum(part for part in (self.gap, self.driver, self.handover, self.start) if part is not None)

    def as_dict(self) -> dict[str, float | str | None]:
        """Return the JSON form."""
        return {**asdict(self), "added": self.added}


def between(first: datetime | None, second: datetime | None) -> float | None:
    """Return the seconds between two instants; None unless both are known."""
    return None if first is None or second is None else round(max((second - first).total_seconds(), 0.0), 2)


def began(lines: Sequence[str]) -> datetime | None:
    """Return when a step's code began, out of its log with timestamps."""
    for line in lines:
        stamp, _, text = line.partition(" ")
        if BEGAN in text:
            # Nanoseconds are more than datetime reads.
            return instant(stamp[:26].rstrip("Z") + "+00:00")
    return None


def overheads(steps: Sequence[Step], code_began: Mapping[str, datetime | None]) -> list[Overhead]:
    """Return the overhead of each step that ran or was reused.

    Args:
        steps: The steps of a run, in the order they ran.
        code_began: When each step's code began, where that is known.
    """
    found = []
    before: datetime | None = None
    for step in steps:
        if step.driver_began is None:
            continue
        code = code_began.get(step.name)
        ran = step.state != CACHED
        found.append(
            Overhead(
                step=step.name,
                gap=between(before, step.driver_began),
                driver=between(step.driver_began, step.driver_ended),
                handover=between(step.driver_ended, step.began) if ran else None,
                start=between(step.began, code) if ran else None,
                code=between(code, step.ended) if ran else None,
            )
        )
        before = step.ended or step.driver_ended
    return found
