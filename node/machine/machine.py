"""What is seen of the machine: every fact the checks judge, read without changing anything."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from node.machine.kernel import Kernel, read_kernel

GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One mounted file system: its kind, its mount point, its options."""

    kind: str
    point: str
    options: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A folder's file system.

    Attributes:
        purpose: What the folder is for.
        folder: The folder, which may not exist yet.
        device: Number of its file system; equal for folders that share one.
        free: Bytes free.
        ours: Bytes that our own folder already holds there; 0 where there is plenty and nobody counted.
    """

    purpose: str
    folder: Path
    device: int
    free: int
    ours: int = 0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine as seen.

    Attributes:
        system: `Linux`.
        architecture: `x86_64`.
        python: Version of the running Python, `3.11`.
        user: Effective user id.
        capabilities: Effective capability set, a bit mask.
        memory: Bytes this process may use: the machine's memory, or its control group's limit when lower.
        disks: File systems of the checkout and the cache.
        mounts: Everything mounted.
        controllers: Controllers of the control groups version 2; empty where there are none.
        kernel: Features of the kernel.
        programs: Name -> path of programs found.
        conflicts: Routes and addresses of others inside the cluster's range.
        other_cluster: The living cluster of another checkout, in words.
    """

    system: str
    architecture: str
    python: str
    user: int
    capabilities: int
    memory: int
    disks: tuple[Disk, ...]
    mounts: tuple[Mount, ...]
    controllers: frozenset[str]
    kernel: Kernel
    programs: Mapping[str, str]
    conflicts: tuple[str, ...]
    other_cluster: str | None


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """Return the mounts that a /proc/mounts lists."""
    fields = [line.split() for line in text.splitlines() if len(line.split()) >= 4]
    return tuple(Mount(kind=row[2], point=row[1], options=frozenset(row[3].split(","))) for row in fields)


def parse_capabilities(status: str) -> int:
    """Return the effective capability set of a /proc/PID/status as a bit mask."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return int(found.group(1), 16) if found else 0


def parse_memory(meminfo: str, limits: list[str]) -> int:
    """Return the bytes of memory that may be used.

    Args:
        meminfo: Text of /proc/meminfo.
        limits: Texts of the control group's limits, in bytes; `max` where there is none.
    """
    found = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    total = int(found.group(1)) * 1024 if found else 0
    return min([total, *(int(limit) for limit in limits if limit.strip().isdigit())])


def parse_routes(text: str) -> list[dict[str, str]]:
    """Return the routes of a /proc/net/route as `{"dst": "198.18.0.0/30", "dev": "mlp0"}`.

    Addresses there are hexadecimal in the machine's byte order (proc_net_route in the kernel's documentation).
    """
    routes: list[dict[str, str]] = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        address, mask = (int(fields[index], 16).to_bytes(4, sys.byteorder) for index in (1, 7))
        length = int.from_bytes(mask, "big").bit_count()
        routes.append({"dst": f"{'.'.join(map(str, address))}/{length}", "dev": fields[0]})
    return routes


def read_machine(programs: list[str], plenty: int) -> Machine:
    """Look at this machine.

    Args:
        programs: Names of programs to look for.
        plenty: Bytes of free disk from which on our own folders need not be counted.
    """
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        user=os.geteuid(),
        capabilities=parse_capabilities(_text("/proc/self/status")),
        memory=parse_memory(_text("/proc/meminfo"), _memory_limits()),
        disks=_disks(plenty),
        mounts=parse_mounts(_text("/proc/mounts")),
        controllers=frozenset(_text("/sys/fs/cgroup/cgroup.controllers").split()),
        kernel=read_kernel(),
        programs={name: found for name in programs if (found := shutil.which(name))},
        conflicts=_conflicts(),
        other_cluster=_other_cluster(),
    )


def _text(path: str) -> str:
    """Return a file's text; nothing when it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _memory_limits() -> list[str]:
    """Return the memory limits of this process's control group, version 2 then 1."""
    group = {
        parts[1]: parts[2] for line in _text("/proc/self/cgroup").splitlines() if len(parts := line.split(":", 2)) == 3
    }
    version1 = f"/sys/fs/cgroup/memory{group.get('memory', '/')}/memory.limit_in_bytes"
    return [_text(f"/sys/fs/cgroup{group.get('', '/')}/memory.max"), _text(version1)]


def _disks(plenty: int) -> tuple[Disk, ...]:
    """Return the file systems of the folders we fill."""
    from common import paths

    disks: list[Disk] = []
    for purpose, folder in (("checkout", paths.WORK), ("cache", paths.cache())):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(existing).free
        ours = _size(folder) if free < plenty else 0
        disks.append(Disk(purpose=purpose, folder=folder, device=existing.stat().st_dev, free=free, ours=ours))
    return tuple(disks)


def _size(folder: Path) -> int:
    """Return the bytes of disk that a folder's files take, without what else is mounted inside."""
    total = 0
    pending = [folder] if folder.is_dir() else []
    device = folder.stat().st_dev if pending else 0
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    total += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False) and status.st_dev == device:
                        pending.append(Path(entry.path))
        except OSError:
            continue
    return total


def _conflicts() -> tuple[str, ...]:
    """Return who else uses the cluster's address range; read without the `ip` program, which may be missing yet."""
    from node import addresses

    entries = parse_routes(_text("/proc/net/route"))
    for device, assigned in psutil.net_if_addrs().items():
        entries += [{"dst": f"{item.address}/32", "dev": device} for item in assigned if item.family.name == "AF_INET"]
    return tuple(sorted(set(addresses.overlaps(entries))))


def _other_cluster() -> str | None:
    """Return the living cluster of another checkout."""
    from node import owner

    found = owner.read()
    return f"{found.checkout} (supervisor pid {found.pid})" if found and found.alive and not found.ours else None
