"""Logs events of the process as JSON, one per line; requests are counted in metrics and not logged."""

from __future__ import annotations

import sys
import time

import orjson


def emit(event: str, *, level: str = "info", **members: object) -> None:
    """Write one event to standard error.

    Args:
        event: What happened, as a fixed short text.
        level: `info`, `warning` or `error`.
        members: Further members of the JSON object.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = orjson.dumps({"time": now, "level": level, "event": event, **members}, default=str)
    sys.stderr.write(line.decode() + "\n")
    sys.stderr.flush()
