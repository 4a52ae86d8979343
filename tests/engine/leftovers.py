"""What a program that was cut off leaves of Pulumi's runtime, and its removal before another program runs.

The runtime's coroutines stay suspended when an engine is gone. Whenever Python collects them later, their cleanup runs
in the context of whatever thread collects, and takes calls off the list of the program that runs there: that program
ends early, and its update succeeds with half of its resources.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import inspect
import sys
import time
from types import FrameType

SECONDS = 20.0
"""Longest time for a program to notice that its engine is gone."""


def settle() -> None:
    """Wait until no program runs, then end what the last ones left, in a context that is nobody's."""
    until = time.monotonic() + SECONDS
    while any(_runs_program(frame) for frame in sys._current_frames().values()):
        assert time.monotonic() < until, f"a program that was cut off still runs after {SECONDS:g} s"
        time.sleep(0.02)
    gc.collect()
    for item in gc.get_objects():
        if inspect.iscoroutine(item) and "/pulumi/runtime/" in item.cr_code.co_filename:
            with contextlib.suppress(RuntimeError, AttributeError):
                contextvars.Context().run(item.close)


def _runs_program(frame: FrameType | None) -> bool:
    """Tell whether a thread is in the automation server's `run`, which runs a program's event loop."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run" and code.co_filename.endswith("/pulumi/automation/_server.py"):
            return True
        frame = frame.f_back
    return False
