"""Finds and removes what a stopped or crashed cluster left on the machine."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path

from common.errors import UserError
from node import addresses, cgroups, layout, netns, owner

KILL_SECONDS = 20.0
KUBELET_SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
"""Kernel settings of the whole machine that the kubelet always changes (kubelet's setupKernelTunables)."""


def record_sysctls() -> None:
    """Record the machine's kernel settings that the kubelet will change; keep an existing record."""
    if not layout.SYSCTLS.is_file():
        found = {name: (Path("/proc/sys") / name).read_text().strip() for name in KUBELET_SYSCTLS}
        layout.SYSCTLS.write_text(json.dumps(found))


def remove_leftovers() -> list[str]:
    """End the processes and remove the remains of a cluster that is not running, of this or another checkout.

    Returns:
        One phrase for each thing found; empty when the machine was clean.

    Raises:
        UserError: Another checkout's cluster is running, or something could not be removed.
    """
    owner.refuse_other_checkout()
    found = leftovers()
    _end_processes()
    _unmount()
    netns.remove()
    _remove_groups()
    _restore_sysctls()
    if not _mounts():
        # Do not remove files while something is mounted below: it may be a volume.
        shutil.rmtree(layout.RUN, ignore_errors=True)
    _remove_mount_points()
    left = leftovers()
    if left:
        raise UserError(
            "Remains of an earlier cluster cannot be removed.",
            seen="; ".join(left),
            next_step="stop the processes that use them, or restart the machine, then run the command again",
        )
    return found


def leftovers() -> list[str]:
    """Return what a running or crashed cluster has on the machine: processes, mounts, network, groups, sockets."""
    found: list[str] = []
    if pids := cgroups.processes():
        found.append(f"{len(pids)} processes in the control group {layout.CGROUP}")
    found += [f"mount {point}" for point in _mounts()]
    if netns.PATH.exists():
        found.append(f"network namespace {addresses.NETNS}")
    if (Path("/sys/class/net") / addresses.HOST_LINK).exists():
        found.append(f"network link {addresses.HOST_LINK}")
    if groups := cgroups.groups():
        found.append(f"{len(groups)} control groups below {layout.CGROUP}")
    if layout.RUN.exists():
        found.append(f"sockets and state in {layout.RUN}")
    return found


def _mounts() -> list[Path]:
    """Return the cluster's mount points on the host, deepest first; without a leak there are no such mounts."""
    roots = (layout.RUN, layout.DATA)
    found = [point for point in _mount_table() if any(point == root or root in point.parents for root in roots)]
    return sorted(found, key=lambda point: len(point.parts), reverse=True)


def _mount_table() -> list[Path]:
    # Path.is_mount misses a folder that is bound to itself, as `ip netns` does. Field 5 of the table has it (proc(5)).
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]


def _end_processes() -> None:
    deadline = time.monotonic() + KILL_SECONDS
    while cgroups.kill():
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _unmount() -> None:
    for point in _mounts():
        subprocess.run(["umount", "--lazy", str(point)], check=False, capture_output=True)


def _remove_groups() -> None:
    # A group stays busy for a short time after its last process has ended.
    deadline = time.monotonic() + KILL_SECONDS
    while cgroups.remove() and time.monotonic() < deadline:
        time.sleep(0.05)


def _restore_sysctls() -> None:
    with contextlib.suppress(OSError, ValueError):
        for name, value in json.loads(layout.SYSCTLS.read_text()).items():
            if name in KUBELET_SYSCTLS:
                (Path("/proc/sys") / name).write_text(value)


def _remove_mount_points() -> None:
    folder = netns.PATH.parent
    if folder in _mount_table() and not any(folder.iterdir()):
        # `ip netns add` mounts the folder over itself. An empty folder does not need that mount.
        subprocess.run(["umount", str(folder)], check=False, capture_output=True)
    for point in layout.mount_points():
        with contextlib.suppress(OSError):
            point.rmdir()
