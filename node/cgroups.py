"""Manages the control group that contains the whole cluster, on hybrid (v1) and unified (v2) hierarchies.

All processes of the cluster are in or below one group. After a crash, they are found and ended through the group, not
by name, and the memory of the platform can be read as one number.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from node.layout import CGROUP

ROOT = Path("/sys/fs/cgroup")
NEEDED = (
    "cpuset",
    "cpu",
    "cpuacct",
    "memory",
    "pids",
    "blkio",
    "devices",
    "freezer",
    "hugetlb",
    "net_cls",
    "perf_event",
)
"""Controllers that the kubelet and runc use when the kernel has them (v1 names)."""

CLUSTER_WEIGHT = 10
DAEMONS_WEIGHT = 2
"""CPU shares, in multiples of the default (1024 shares in v1, weight 100 in v2).

The scheduler counts a whole group like one process of the root group. With the default weight, a build with ten
compilers would leave a twelfth of the CPU to the cluster, and the API server would take minutes to start.
"""


def unified() -> bool:
    """Return whether the machine has only the v2 hierarchy."""
    return (ROOT / "cgroup.controllers").is_file()


def hierarchies() -> list[Path]:
    """Return the mount points that contain the cluster's group: one for v2, one for each controller for v1."""
    if unified():
        return [ROOT]
    seen: dict[tuple[int, int], Path] = {}
    for folder in sorted(ROOT.iterdir()):
        # Controllers mounted together (cpu,cpuacct) appear under several names; use each mount once.
        if folder.name in (*NEEDED, "systemd", "unified") and (folder / "cgroup.procs").is_file():
            status = folder.stat()
            seen.setdefault((status.st_dev, status.st_ino), folder)
    return list(seen.values())


def create() -> None:
    """Create the cluster's group and the daemons' group below it in every hierarchy."""
    for hierarchy in hierarchies():
        top = hierarchy / CGROUP
        if unified():
            _enable(ROOT)
        top.mkdir(exist_ok=True)
        if unified():
            _enable(top)
        node = top / "node"
        node.mkdir(exist_ok=True)
        if unified() or hierarchy.name == "cpu":
            _weigh(top, CLUSTER_WEIGHT)
            _weigh(node, DAEMONS_WEIGHT)
        if hierarchy.name == "cpuset":
            # A new v1 cpuset group is empty and refuses processes until CPUs and memory nodes are assigned.
            for group in (top, node):
                for key in ("cpuset.cpus", "cpuset.mems"):
                    (group / key).write_text((group.parent / key).read_text())
        if hierarchy.name == "memory":
            with contextlib.suppress(OSError):
                (top / "memory.use_hierarchy").write_text("1")


def join() -> None:
    """Move the calling process into the daemons' group."""
    for hierarchy in hierarchies():
        (hierarchy / CGROUP / "node" / "cgroup.procs").write_text(str(os.getpid()))


def processes() -> set[int]:
    """Return the pids of all processes in the cluster's group, pods included."""
    found: set[int] = set()
    for group in groups():
        with contextlib.suppress(OSError):
            found.update(int(line) for line in (group / "cgroup.procs").read_text().split())
    return found - {0}


def groups() -> list[Path]:
    """Return the cluster's groups in every hierarchy, deepest first."""
    found: list[Path] = []
    for hierarchy in hierarchies():
        top = hierarchy / CGROUP
        if top.is_dir():
            found.extend(Path(folder) for folder, _, _ in os.walk(top, topdown=False))
    return found


def kill() -> set[int]:
    """Send SIGKILL to every process of the group; return the pids that were signalled."""
    signalled = processes() - {os.getpid()}
    for pid in signalled:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return signalled


def remove() -> list[Path]:
    """Remove all empty groups; return those that could not be removed."""
    left: list[Path] = []
    for group in groups():
        try:
            group.rmdir()
        except OSError:
            left.append(group)
    return left


def container_inits() -> set[int]:
    """Return the host pids of the first process of every container, which receives the container's stop signal."""
    pods: set[int] = set()
    for group in groups():
        if f"/{CGROUP}/kubepods" in str(group):
            with contextlib.suppress(OSError):
                pods.update(int(line) for line in (group / "cgroup.procs").read_text().split())
    return {pid for pid in pods if is_container_init(pid)}


def is_container_init(pid: int) -> bool:
    """Return whether host process `pid` exists and is process 1 of a container."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    ids = [part for line in lines if line.startswith("NSpid:") for part in line.split()[1:]]
    # Pids in the host's, the node's and the container's namespace.
    return len(ids) >= 3 and ids[-1] == "1"


def memory_bytes() -> int | None:
    """Return the cluster's working set in bytes; None when its group does not exist.

    The working set is the usage without inactive page cache, as the kubelet counts it.
    """
    top = (ROOT if unified() else ROOT / "memory") / CGROUP
    usage = top / ("memory.current" if unified() else "memory.usage_in_bytes")
    inactive = "inactive_file" if unified() else "total_inactive_file"
    try:
        statistics = dict(line.split() for line in (top / "memory.stat").read_text().splitlines())
        return max(int(usage.read_text()) - int(statistics.get(inactive, 0)), 0)
    except OSError:
        return None


def _weigh(group: Path, weight: int) -> None:
    name, unit = ("cpu.weight", 100) if unified() else ("cpu.shares", 1024)
    with contextlib.suppress(FileNotFoundError):
        (group / name).write_text(str(weight * unit))


def _enable(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    for controller in available:
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
