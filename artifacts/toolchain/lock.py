"""A lock on the shared cache folder that says who holds it and dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator
from pathlib import Path

from common import progress
from common.paths import ROOT

POLL_SECONDS = 0.5


def holder(text: str) -> str:
    """Return who holds the lock, from what the holder wrote into the file; `another run` when it is unreadable."""
    try:
        known = json.loads(text)
        return f"process {known['pid']} of {known['checkout']}, which is at {known['work']}"
    except (ValueError, KeyError, TypeError):
        return "another run"


@contextlib.contextmanager
def held(path: Path, work: str) -> Generator[None]:
    """Hold the lock `path` while the block runs; wait for it when another process has it, saying which.

    The kernel drops the lock when its holder dies, however it dies, so no lock is ever stale.

    Args:
        path: The lock file; made when missing.
        work: What the holder does, for those who wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _try(file.fileno()):
            with progress.step(f"{work} waits for {holder(path.read_text())}") as waiting:
                while not _try(file.fileno()):
                    waiting.detail = f"now {holder(path.read_text())}"
                    time.sleep(POLL_SECONDS)
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "checkout": str(ROOT), "work": work}))
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()


def _try(descriptor: int) -> bool:
    """Return whether the lock could be taken at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
