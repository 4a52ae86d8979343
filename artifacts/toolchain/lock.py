"""File lock on the shared cache folder that shows which process holds it."""

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
    """Return a description of the lock's holder from the content of the lock file; `another run` if unreadable."""
    try:
        known = json.loads(text)
        return f"process {known['pid']} of {known['checkout']} ({known['work']})"
    except (ValueError, KeyError, TypeError):
        return "another run"


@contextlib.contextmanager
def held(path: Path, work: str) -> Generator[None]:
    """Hold the lock `path` while the block runs; while another process holds it, wait and show that process.

    The kernel releases the lock when its holder ends, even if it is killed, so a lock is never stale.

    Args:
        path: The lock file; created when missing.
        work: What the holder does, shown to processes that wait: `building etcd`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _try(file.fileno()):
            title = f"{work[:1].upper()}{work[1:]}: waiting for {holder(path.read_text())}"
            with progress.step(title) as waiting:
                while not _try(file.fileno()):
                    waiting.detail = f"held by {holder(path.read_text())}"
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
    """Take the lock if it is free; return whether it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
