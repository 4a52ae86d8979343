"""Reports the state of the cluster: processes, node, system pods, memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common import paths
from node import cgroups, cleanup, layout, owner, supervisor, system
from node.api import Api


@dataclass(frozen=True, kw_only=True)
class ProgramStatus:
    """One supervised process.

    Attributes:
        name: Name in programs.yaml.
        state: State in supervisord's terms.
        pid: Pid on the host; None when the process is not running.
        uptime: Seconds since the process started.
        memory_bytes: Resident memory; None when the process is not running.
    """

    name: str
    state: str
    pid: int | None
    uptime: float
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """State of the cluster.

    Attributes:
        running: Whether this checkout's cluster is running.
        ready: Whether its node is Ready and its system pods are available.
        owner: Recorded owner of the machine's node, running or not; None without a record.
        programs: The supervised processes; empty when the cluster is not running.
        problem: Why the cluster is not ready; None when it is.
        memory_bytes: Working set of the cluster and its pods; None when the cluster is not running.
        leftovers: What a crashed cluster left on the machine; empty while a cluster is running.
        kubeconfig: Path of the administrator's kubeconfig; None before the first start.
    """

    running: bool
    ready: bool
    owner: owner.Owner | None
    programs: tuple[ProgramStatus, ...]
    problem: str | None
    memory_bytes: int | None
    leftovers: tuple[str, ...]
    kubeconfig: Path | None


def status() -> Status:
    """Return the cluster's state; do not raise when the cluster is down."""
    held = owner.read()
    running = held is not None and held.ours and held.alive
    states = supervisor.states() if running else []
    problem: str | None = "the cluster is not running"
    if running:
        down = [f"{entry.name} is {entry.state}" for entry in states if entry.state != "RUNNING"]
        down = down if states else ["the supervisor does not respond"]
        api = Api()
        problem = "; ".join(down) or api.unready() or system.problem(api, held.since if held else 0.0)
    hosts = _host_pids() if running else {}
    return Status(
        running=running,
        ready=problem is None,
        owner=held,
        programs=tuple(_program(entry, hosts) for entry in states),
        problem=problem,
        memory_bytes=cgroups.memory_bytes() if running else None,
        leftovers=() if held is not None and held.alive else tuple(cleanup.leftovers()),
        kubeconfig=paths.KUBECONFIG if paths.KUBECONFIG.is_file() else None,
    )


def log_path(program: str) -> Path:
    """Return the log file of `program`, which may also be `supervisord` or `node`."""
    return layout.LOGS / f"{program}.log"


def _program(entry: supervisor.ProgramState, hosts: dict[int, int]) -> ProgramStatus:
    pid = hosts.get(entry.pid) if entry.pid else None
    return ProgramStatus(name=entry.name, state=entry.state, pid=pid, uptime=entry.uptime, memory_bytes=_resident(pid))


def _host_pids() -> dict[int, int]:
    """Return pid in the node's namespace -> pid on the host, for the cluster's processes."""
    found: dict[int, int] = {}
    for pid in cgroups.processes():
        ids = _field(pid, "NSpid")
        if len(ids) >= 2:
            found[int(ids[1])] = pid
    return found


def _resident(pid: int | None) -> int | None:
    size = _field(pid, "VmRSS") if pid is not None else []
    return int(size[0]) * 1024 if size else None


def _field(pid: int, name: str) -> list[str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith(f"{name}:")), [])
