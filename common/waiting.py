"""Waiting for something outside this process, with a deadline that says what was missing."""

from __future__ import annotations

import time
from collections.abc import Callable

from common.errors import UserError

PAUSE_SECONDS = 0.5


def wait_for(
    what: str,
    missing: Callable[[], str],
    *,
    seconds: float,
    next_step: str,
    on_state: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until nothing is missing.

    Args:
        what: What is awaited, as a statement: `run 17 is at its end`.
        missing: Tells what is missing still; nothing when the text is empty.
        seconds: Longest wait.
        next_step: What the user does when it was in vain.
        on_state: Called with each answer of `missing` but the last.

    Raises:
        UserError: Something is missing after `seconds`.
    """
    until = time.monotonic() + seconds
    while left := missing():
        on_state(left)
        if time.monotonic() > until:
            raise UserError(f"after {seconds:.0f} s it does not hold that {what}", seen=left, next_step=next_step)
        time.sleep(PAUSE_SECONDS)
