"""Events of the process, one JSON object a line; requests are counted in metrics, never logged."""

from __future__ import annotations

import sys
import time

import orjson


def emit(event: str, *, level: str = "info", **members: object) -> None:
    """Write one event to standard error.

    Args:
        event: What happened, in a few words that stay the same.
        level: `info`, `warning` or `error`.
        members: What it happened to.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = orjson.dumps({"time": now, "level": level, "event": event, **members}, default=str)
    sys.stderr.write(line.decode() + "\n")
    sys.stderr.flush()
