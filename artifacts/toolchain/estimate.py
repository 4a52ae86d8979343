"""Estimates the progress and the remaining time of a build."""

from __future__ import annotations

BAR_WIDTH = 20
"""Width of a progress bar in characters."""

COMPILING = 0.97
"""Share of a build's time that is spent when the last package is compiled; linking takes the rest."""


def bar(done: int, total: int) -> str:
    """Return a progress bar such as `██████░░░░ 1206/2462`; empty while the total is unknown."""
    share = min(done / total, 1.0) if total else 0.0
    full = round(share * BAR_WIDTH)
    return f"{'█' * full}{'░' * (BAR_WIDTH - full)} {done}/{total or '?'}"


def left(estimate: float, elapsed: float, done: int, total: int) -> float:
    """Return the remaining seconds of a build, from its recorded duration and from this run's speed.

    At the start the recorded duration has more weight, because little is known about the speed; at the end the speed.

    Args:
        estimate: Recorded duration of a cold build, in seconds.
        elapsed: Seconds since this build started.
        done: Number of compiled packages.
        total: Number of packages to compile; 0 when unknown.
    """
    if not total:
        return max(estimate - elapsed, 0.0)
    share = min(done / total, 1.0) * COMPILING
    by_record = (1 - share) * estimate
    return (1 - share) * (by_record + elapsed)


def in_words(seconds: float) -> str:
    """Return a duration as text: `40 s` below 90 seconds, otherwise `12 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
