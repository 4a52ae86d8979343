"""Reads the facts about this machine that the checks need, without changing anything."""

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
from node.machine.needs import needs

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
        ours: Bytes that the folder already uses; 0 when `free` is sufficient and the folder was not measured.
    """

    purpose: str
    folder: Path
    device: int
    free: int
    ours: int = 0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Facts about the machine.

    Attributes:
        system: `Linux`.
        architecture: `x86_64`.
        python: Version of the running Python, `3.11`.
        user: Effective user id.
        capabilities: Effective capability set, a bit mask.
        memory: Bytes this process may use: the machine's memory, or the control group's limit if that is lower.
        disks: File systems of the checkout and the cache.
        mounts: All mounts.
        controllers: Controllers of control groups version 2; empty without version 2.
        kernel: Features of the kernel.
        programs: Name -> path of the programs found.
        conflicts: Other routes and addresses inside the cluster's range.
        other_cluster: Description of another checkout's running cluster; None without one.
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
    """Return the mounts in the text of /proc/mounts."""
    fields = [line.split() for line in text.splitlines() if len(line.split()) >= 4]
    return tuple(Mount(kind=row[2], point=row[1], options=frozenset(row[3].split(","))) for row in fields)


def parse_capabilities(status: str) -> int:
    """Return the effective capability set in the text of /proc/PID/status as a bit mask."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return int(found.group(1), 16) if found else 0


def parse_memory(meminfo: str, limits: list[str]) -> int:
    """Return the usable memory in bytes.

    Args:
        meminfo: Text of /proc/meminfo.
        limits: Texts of the control group's limits, in bytes; `max` means no limit.
    """
    found = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    total = int(found.group(1)) * 1024 if found else 0
    return min([total, *(int(limit) for limit in limits if limit.strip().isdigit())])


def parse_routes(text: str) -> list[dict[str, str]]:
    """Return the routes in the text of /proc/net/route as `{"dst": "198.18.0.0/30", "dev": "mlp0"}`.

    Addresses are hexadecimal in the machine's byte order (proc_net_route in the kernel's documentation).
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


def read_machine(programs: list[str], enough_bytes: int) -> Machine:
    """Read the facts about this machine.

    Args:
        programs: Names of programs to look for.
        enough_bytes: Free disk space from which the platform's own folders are not measured, because that is slow.
    """
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        user=os.geteuid(),
        capabilities=parse_capabilities(_text("/proc/self/status")),
        memory=parse_memory(_text("/proc/meminfo"), _memory_limits()),
        disks=_disks(enough_bytes),
        mounts=parse_mounts(_text("/proc/mounts")),
        controllers=frozenset(_text("/sys/fs/cgroup/cgroup.controllers").split()),
        kernel=read_kernel(needs().kernel.values()),
        programs={name: found for name in programs if (found := shutil.which(name))},
        conflicts=_conflicts(),
        other_cluster=_other_cluster(),
    )


def _text(path: str) -> str:
    """Return the text of a file; empty when it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _memory_limits() -> list[str]:
    """Return the memory limits of this process's control group, first of version 2, then of version 1."""
    group = {
        parts[1]: parts[2] for line in _text("/proc/self/cgroup").splitlines() if len(parts := line.split(":", 2)) == 3
    }
    version1 = f"/sys/fs/cgroup/memory{group.get('memory', '/')}/memory.limit_in_bytes"
    return [_text(f"/sys/fs/cgroup{group.get('', '/')}/memory.max"), _text(version1)]


def _disks(enough_bytes: int) -> tuple[Disk, ...]:
    """Return the file systems of the folders that the platform writes to."""
    from common import paths

    disks: list[Disk] = []
    for purpose, folder in (("checkout", paths.WORK), ("cache", paths.cache())):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(existing).free
        ours = _size(folder) if free < enough_bytes else 0
        disks.append(Disk(purpose=purpose, folder=folder, device=existing.stat().st_dev, free=free, ours=ours))
    return tuple(disks)


def _size(folder: Path) -> int:
    """Return the disk space that a folder uses in bytes, without other file systems mounted inside."""
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
    """Return other routes and addresses in the cluster's range, without `ip`, which may not be installed yet."""
    from node import addresses

    entries = parse_routes(_text("/proc/net/route"))
    for device, assigned in psutil.net_if_addrs().items():
        entries += [{"dst": f"{item.address}/32", "dev": device} for item in assigned if item.family.name == "AF_INET"]
    return tuple(sorted(set(addresses.overlaps(entries))))


def _other_cluster() -> str | None:
    """Return a description of another checkout's running cluster; None without one."""
    from node import owner

    found = owner.read()
    return f"{found.checkout} (supervisor pid {found.pid})" if found and found.alive and not found.ours else None
