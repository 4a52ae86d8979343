"""How far a build is and how long it will still take."""

from __future__ import annotations

BAR_WIDTH = 20
"""Characters of a progress bar."""

COMPILING = 0.97
"""Share of a build that is over when the last package is compiled; linking is the rest."""


def bar(done: int, total: int) -> str:
    """Return `██████░░░░ 1206/2462`; an empty bar when the total is not known yet."""
    share = min(done / total, 1.0) if total else 0.0
    full = round(share * BAR_WIDTH)
    return f"{'█' * full}{'░' * (BAR_WIDTH - full)} {done}/{total or '?'}"


def left(estimate: float, elapsed: float, done: int, total: int) -> float:
    """Return the seconds a build will still take, from the recorded figure and from this run's own speed.

    The recorded figure rules at the start, when the speed says little; the speed rules at the end.

    Args:
        estimate: Recorded length of a cold build, in seconds.
        elapsed: Seconds since this one began.
        done: Packages compiled.
        total: Packages to compile; 0 when unknown.
    """
    if not total:
        return max(estimate - elapsed, 0.0)
    share = min(done / total, 1.0) * COMPILING
    by_record = (1 - share) * estimate
    return (1 - share) * (by_record + elapsed)


def in_words(seconds: float) -> str:
    """Return `40 s` below 90 seconds, `12 min` from there on."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
