"""Removes what an interrupted program leaves in Pulumi's runtime, before another program runs.

When an engine is gone, the runtime's coroutines stay suspended. When Python collects them later, their cleanup runs in
the context of the collecting thread, and removes calls from the list of the program that runs there: that program ends
early, and its update succeeds with half of its resources.
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
"""Time limit for a program to notice that its engine is gone."""


def settle() -> None:
    """Wait until no program runs, then end the coroutines of interrupted programs in an empty context."""
    until = time.monotonic() + SECONDS
    while any(_runs_program(frame) for frame in sys._current_frames().values()):
        assert time.monotonic() < until, f"an interrupted program still runs after {SECONDS:g} s"
        time.sleep(0.02)
    gc.collect()
    for item in gc.get_objects():
        if inspect.iscoroutine(item) and "/pulumi/runtime/" in item.cr_code.co_filename:
            with contextlib.suppress(RuntimeError, AttributeError):
                contextvars.Context().run(item.close)


def _runs_program(frame: FrameType | None) -> bool:
    """Return whether a thread is in the automation server's `run`, which runs a program's event loop."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run" and code.co_filename.endswith("/pulumi/automation/_server.py"):
            return True
        frame = frame.f_back
    return False
