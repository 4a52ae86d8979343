"""Records and checks which checkout owns the machine's embedded node; a machine can run one node."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from common import paths
from common.errors import UserError
from common.progress import step
from node import layout
from node.node import start_ticks


@dataclass(frozen=True)
class Owner:
    """The recorded owner of the node.

    Attributes:
        checkout: Folder of the checkout that started the node.
        pid: Host pid of the node's supervisor.
        started: Start of that process in clock ticks since boot.
        since: Start of the node, in seconds since 1970.
    """

    checkout: str
    pid: int
    started: int | None
    since: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether the recorded process is still running."""
        return self.started is not None and start_ticks(self.pid) == self.started

    @property
    def ours(self) -> bool:
        """Whether the node belongs to this checkout."""
        return self.checkout == str(paths.ROOT)


def read() -> Owner | None:
    """Return the recorded owner, running or not; None when there is no readable record."""
    try:
        found = json.loads(layout.OWNER.read_text())
        return Owner(str(found["checkout"]), int(found["pid"]), found["started"], float(found.get("since", 0)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def refuse_other_checkout() -> None:
    """Refuse to continue while another checkout's cluster is running.

    Raises:
        UserError: Another checkout's cluster is running; names that checkout.
    """
    owner = read()
    if owner is not None and owner.alive and not owner.ours:
        raise UserError(
            "Another checkout's cluster is running on this machine; only one can run at a time.",
            seen=f"{owner.checkout} (supervisor pid {owner.pid})",
            allowed=f"no running cluster, or the cluster of {paths.ROOT}",
            next_step=f"stop the other cluster: cd {owner.checkout} && mlp cluster stop",
        )


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Hold the machine's cluster lock; while another command holds it, show that and wait.

    Raises:
        UserError: The user is not root.
    """
    if os.geteuid() != 0:
        raise UserError(
            "The embedded cluster needs root to create namespaces, mounts and control groups.",
            seen=f"user id {os.geteuid()}",
            allowed="user id 0",
            next_step="run the command as root, or with sudo",
        )
    layout.LOCK.parent.mkdir(parents=True, exist_ok=True)
    with layout.LOCK.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            with step(f"Waiting for the other cluster command ({stream.read().strip() or 'unknown'})"):
                fcntl.flock(stream, fcntl.LOCK_EX)
        stream.truncate(0)
        stream.write(f"pid {os.getpid()} of {paths.ROOT}")
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)
