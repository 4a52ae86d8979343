"""The control group that holds the whole cluster, on hybrid (v1) and unified (v2) hierarchies.

Everything the cluster runs is below one group, so that what a crash left can be found and ended by group, never by
name, and so that the memory of the platform is one number.
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
"""Controllers the kubelet and runc use when the kernel has them (v1 names)."""

CLUSTER_WEIGHT = 10
DAEMONS_WEIGHT = 2
"""Shares of the processor, in multiples of an ordinary process's (1024 shares in v1, weight 100 in v2).

Beside the processes of the root group a whole group counts as one of them: without more weight, a build with ten
compilers would leave the cluster a twelfth of the machine, and the API server minutes to start.
"""


def unified() -> bool:
    """Return whether the machine has only the v2 hierarchy."""
    return (ROOT / "cgroup.controllers").is_file()


def hierarchies() -> list[Path]:
    """Return the mount points that hold one of our groups: one for v2, one a controller for v1."""
    if unified():
        return [ROOT]
    seen: dict[tuple[int, int], Path] = {}
    for folder in sorted(ROOT.iterdir()):
        # Controllers mounted together (cpu,cpuacct) appear under several names; one of them is enough.
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
            # A v1 cpuset group is born empty and refuses processes until it has processors and memory nodes.
            for group in (top, node):
                for key in ("cpuset.cpus", "cpuset.mems"):
                    (group / key).write_text((group.parent / key).read_text())
        if hierarchy.name == "memory":
            with contextlib.suppress(OSError):
                (top / "memory.use_hierarchy").write_text("1")


def join() -> None:
    """Move the calling process into the daemons' group, out of whatever its caller runs in."""
    for hierarchy in hierarchies():
        (hierarchy / CGROUP / "node" / "cgroup.procs").write_text(str(os.getpid()))


def processes() -> set[int]:
    """Return the pids of everything in the cluster's group, pods included."""
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
    """Send SIGKILL to every process of the group; return those that were signalled."""
    signalled = processes() - {os.getpid()}
    for pid in signalled:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return signalled


def remove() -> list[Path]:
    """Remove every empty group; return those that could not be removed."""
    left: list[Path] = []
    for group in groups():
        try:
            group.rmdir()
        except OSError:
            left.append(group)
    return left


def container_inits() -> set[int]:
    """Return the host pids of the first process of every container: those a stop signal belongs to."""
    pods: set[int] = set()
    for group in groups():
        if f"/{CGROUP}/kubepods" in str(group):
            with contextlib.suppress(OSError):
                pods.update(int(line) for line in (group / "cgroup.procs").read_text().split())
    return {pid for pid in pods if is_container_init(pid)}


def is_container_init(pid: int) -> bool:
    """Return whether host process `pid` lives and is process 1 of a container."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    ids = [part for line in lines if line.startswith("NSpid:") for part in line.split()[1:]]
    # host, node's pid namespace, container's pid namespace
    return len(ids) >= 3 and ids[-1] == "1"


def memory_bytes() -> int | None:
    """Return the cluster's working set in bytes, as the kubelet counts it (usage without inactive page cache).

    None when the group does not exist.
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
