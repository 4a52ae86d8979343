"""Rounds of load, summarized from raw samples by the median of the rounds and the best round."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from smoke import load
from smoke.load import Sample, Summary
from tests.bench.serving.targets import Target

PERCENTILES = ("p50", "p95", "p99")


@dataclass
class Measured:
    """The rounds of one target.

    Attributes:
        target: The target.
        rounds: Samples of each round.
    """

    target: Target
    rounds: list[list[Sample]] = field(default_factory=list)

    def summaries(self, phase: str = "client") -> list[Summary]:
        """Return the percentiles of each round."""
        return [found[phase] for found in map(load.phases, self.rounds) if phase in found]

    def median(self, percentile: str, phase: str = "client") -> float:
        """Return the median over the rounds of one percentile, in milliseconds."""
        return statistics.median(getattr(summary, percentile) for summary in self.summaries(phase))

    def best(self, percentile: str, phase: str = "client") -> float:
        """Return the lowest value of one percentile over the rounds, in milliseconds."""
        return min(getattr(summary, percentile) for summary in self.summaries(phase))

    @property
    def phases(self) -> list[str]:
        """Phases that every round has."""
        return [name for name in load.phases(self.rounds[0]) if len(self.summaries(name)) == len(self.rounds)]

    @property
    def failed(self) -> dict[str, int]:
        """Number of failed requests in all rounds, by reason."""
        return load.failures([sample for samples in self.rounds for sample in samples])

    def report(self) -> dict[str, Any]:
        """Return the target's part of the JSON report."""
        return {
            "title": self.target.title,
            "requests": sum(map(len, self.rounds)),
            "failed": self.failed,
            "phases": {
                phase: {
                    "median": {name: round(self.median(name, phase), 3) for name in PERCENTILES},
                    "best": {name: round(self.best(name, phase), 3) for name in PERCENTILES},
                    "rounds": [asdict(summary) for summary in self.summaries(phase)],
                }
                for phase in self.phases
            },
        }


def once(target: Target, *, rate: float, seconds: float, warmup: float) -> list[Sample]:
    """Load one target on fresh connections and return the samples after the warm-up."""

    async def main() -> list[Sample]:
        async with target.open() as send:
            if warmup > 0:
                await load.open_loop(send, rate=rate, seconds=warmup)
            return await load.open_loop(send, rate=rate, seconds=seconds)

    return load.quiet(main)


def compare(
    targets: Sequence[Target],
    *,
    rate: float,
    seconds: float,
    warmup: float,
    rounds: int,
    on_state: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Load the targets in rotation, round by round, so that a disturbance of the machine affects all of them.

    Args:
        targets: Targets.
        rate: Requests per second.
        seconds: Measured duration of one target in one round.
        warmup: Seconds of unmeasured load before it.
        rounds: Number of rounds.
        on_state: Called with the round and the target.
    """
    measured = [Measured(target) for target in targets]
    for number in range(rounds):
        for item in measured:
            on_state(f"round {number + 1} of {rounds}: {item.target.title}")
            item.rounds.append(once(item.target, rate=rate, seconds=seconds, warmup=warmup))
    return measured


def machine() -> dict[str, Any]:
    """Return a description of the machine."""
    return {"cpus": os.cpu_count(), "load_average": [round(value, 2) for value in os.getloadavg()]}
