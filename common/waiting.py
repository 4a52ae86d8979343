"""Waits for a condition outside this process, and reports what was missing when the wait times out."""

from __future__ import annotations

import time
from collections.abc import Callable

from common.errors import UserError

POLL_SECONDS = 0.5


def wait_for(
    what: str,
    missing: Callable[[], str],
    *,
    seconds: float,
    next_step: str,
    on_state: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until `missing` returns an empty text.

    Args:
        what: The awaited event, as it reads after "waiting for": `run 17 to end`.
        missing: Returns what is still missing; an empty text ends the wait.
        seconds: Timeout.
        next_step: What the user can do after a timeout.
        on_state: Called with each non-empty result of `missing`.

    Raises:
        UserError: The wait timed out; shows what is still missing.
    """
    until = time.monotonic() + seconds
    while left := missing():
        on_state(left)
        if time.monotonic() > until:
            raise UserError(f"Timed out after {seconds:.0f} s waiting for {what}", seen=left, next_step=next_step)
        time.sleep(POLL_SECONDS)
