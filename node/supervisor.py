"""Controls the node's supervisord over its XML-RPC interface, on a socket that only root can open."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport
from typing_extensions import override

from common import paths
from common.errors import UserError
from node import layout, owner

LAUNCH_SECONDS = 20.0
SHUTDOWN_SECONDS = 40.0
RPC_SECONDS = 5.0
"""Timeout of a call; a supervisor that does not respond in time counts as stopped."""

ALREADY_STARTED = 60
"""supervisord's fault code for starting a running process (supervisor.xmlrpc.Faults)."""

NOT_RUNNING = 70
"""supervisord's fault code for stopping a process that is not running."""


@dataclass(frozen=True, kw_only=True)
class ProgramState:
    """State of one supervised process.

    Attributes:
        name: Name in programs.yaml.
        state: RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED...
        pid: Pid in the node's namespace; 0 when the process is not running.
        uptime: Seconds since the process started; 0 when it is not running.
        error: Why the process could not be started; empty otherwise.
    """

    name: str
    state: str
    pid: int
    uptime: float
    error: str


class _Connection(http.client.HTTPConnection):
    """HTTP connection over the supervisor's socket with a timeout, which supervisor's own client lacks."""

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(layout.SUPERVISOR_SOCKET))


@contextlib.contextmanager
def _rpc(seconds: float = RPC_SECONDS) -> Iterator[Any]:
    transport = SupervisorTransport(None, None, f"unix://{layout.SUPERVISOR_SOCKET}")
    transport._get_connection = lambda: _Connection("localhost", timeout=seconds)
    try:
        yield xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor
    finally:
        transport.close()


def answers() -> bool:
    """Return whether a running supervisor responds on the socket."""
    try:
        with _rpc() as rpc:
            return bool(rpc.getState()["statename"] == "RUNNING")
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return False


def launch() -> None:
    """Create the node's namespaces with supervisord as process 1; return when it responds.

    Raises:
        UserError: supervisord ended, or did not respond in time.
    """
    log = layout.LOGS / "node.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.node"],
            cwd=paths.ROOT,
            env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + LAUNCH_SECONDS
    while not answers():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise UserError(
                "The node's supervisor ended during its start."
                if ended
                else f"Timed out after {LAUNCH_SECONDS:.0f} s waiting for the node's supervisor.",
                seen=tail or f"exit status {process.returncode}",
                next_step=f"read {log} and {layout.LOGS / 'supervisord.log'}; `mlp doctor` checks the machine",
            )
        time.sleep(0.05)


def states() -> list[ProgramState]:
    """Return the state of every supervised process; empty when no supervisor responds."""
    try:
        with _rpc() as rpc:
            found = cast("list[dict[str, Any]]", rpc.getAllProcessInfo())
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return []
    return [
        ProgramState(
            name=str(entry["name"]),
            state=str(entry["statename"]),
            pid=int(entry["pid"]),
            uptime=float(entry["now"] - entry["start"]) if entry["pid"] else 0.0,
            error=str(entry["spawnerr"]),
        )
        for entry in found
    ]


def start(name: str) -> None:
    """Start one process unless it is running; do not wait until it is ready."""
    with _rpc() as rpc:
        try:
            rpc.startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise


def stop(name: str) -> None:
    """Stop one process if it is running, and wait until it has ended."""
    with _rpc(SHUTDOWN_SECONDS) as rpc:
        try:
            rpc.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != NOT_RUNNING:
                raise


def shutdown() -> bool:
    """Stop every process, then the supervisor, which also ends the node's namespaces.

    Returns:
        Whether the supervisor ended in time.
    """
    holder = owner.read()
    try:
        with _rpc() as rpc:
            rpc.shutdown()
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return holder is None or not holder.alive
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while holder is not None and holder.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
