"""The node's supervisor: supervisord, reached over its XML-RPC interface on a socket only root can open."""

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
"""A supervisor that takes longer to answer is as good as dead."""

ALREADY_STARTED = 60
"""supervisord's fault code for starting what runs (supervisor.xmlrpc.Faults)."""

NOT_RUNNING = 70
"""supervisord's fault code for stopping what does not run."""


@dataclass(frozen=True, kw_only=True)
class ProgramState:
    """One supervised process as supervisord sees it.

    Attributes:
        name: As in programs.yaml.
        state: RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED...
        pid: In the node's process namespace; 0 when it does not run.
        uptime: Seconds since it started; 0 when it does not run.
        error: Why it could not be started, else empty.
    """

    name: str
    state: str
    pid: int
    uptime: float
    error: str


class _Connection(http.client.HTTPConnection):
    """HTTP over the supervisor's socket, with a time limit: supervisor's own client would wait for ever."""

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
    """Return whether a supervisor answers on the socket."""
    try:
        with _rpc() as rpc:
            return bool(rpc.getState()["statename"] == "RUNNING")
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return False


def launch() -> None:
    """Start the node's namespaces with supervisord as their process 1; return when it answers.

    Raises:
        UserError: It ended, or did not answer in time.
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
                "The node's supervisor ended at once." if ended else "The node's supervisor does not answer.",
                seen=tail or f"exit status {process.returncode}",
                next_step=f"read {log} and {layout.LOGS / 'supervisord.log'}; `mlp doctor` checks the machine",
            )
        time.sleep(0.05)


def states() -> list[ProgramState]:
    """Return the state of every supervised process; empty when no supervisor answers."""
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
    """Start one process; quiet when it runs. Readiness is the caller's to await."""
    with _rpc() as rpc:
        try:
            rpc.startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise


def stop(name: str) -> None:
    """Stop one process and wait for its end; quiet when it does not run."""
    with _rpc(SHUTDOWN_SECONDS) as rpc:
        try:
            rpc.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != NOT_RUNNING:
                raise


def shutdown() -> bool:
    """Stop every process, then the supervisor, and with it the node's namespaces.

    Returns:
        Whether it ended in time.
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
