"""Checks of the machine: pure functions that compare the facts in a `Machine` with the `Needs`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common import progress
from common.errors import UserError
from node.machine.kernel import Feature, state
from node.machine.machine import GIB, Disk, Machine, read_machine
from node.machine.needs import Needs, needs

GB = 1000**3


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one check.

    Attributes:
        check: Name of the check.
        ok: Whether the machine passes.
        seen: What was found.
        needed: What the check requires.
        fix: What to do when the check fails.
    """

    check: str
    ok: bool
    seen: str
    needed: str
    fix: str


def examine(machine: Machine, wanted: Needs) -> list[Result]:
    """Return the results of all checks, in the order in which a user would fix failures."""
    parts: list[Callable[[Machine, Needs], Iterator[Result]]] = [
        _system,
        _python,
        _root,
        _programs,
        _disk,
        _memory,
        _kernel,
        _cgroups,
        _network,
    ]
    return [result for part in parts for result in part(machine, wanted)]


def check_machine() -> None:
    """Check that this machine can run the platform; load needed kernel modules that are not loaded yet.

    Raises:
        UserError: At least one check failed; lists the failed checks and how to fix them.
    """
    wanted = needs()
    machine = inspect_machine(wanted)
    results = examine(machine, wanted)
    refuse(results)
    load_modules(machine, wanted)
    free = min(disk.free for disk in machine.disks) / GB
    progress.console.print(
        f"{len(results)} checks passed: {machine.memory / GIB:.1f} GiB of memory, {free:.0f} GB free, "
        f"kernel {machine.kernel.release}",
        markup=False,
    )


def inspect_machine(wanted: Needs) -> Machine:
    """Return the facts about this machine that the checks need."""
    return read_machine([*wanted.programs, "modprobe"], round(wanted.disk_gb * GB))


def refuse(results: list[Result]) -> None:
    """Raise an error if a check failed.

    Raises:
        UserError: At least one check failed; has a line for each.
    """
    failed = [result for result in results if not result.ok]
    if failed:
        lines = [f"{item.check}: {item.seen}; needed: {item.needed}; {item.fix}" for item in failed]
        raise UserError(
            f"This machine cannot run the platform: {len(failed)} of {len(results)} checks failed.",
            seen="\n    ".join(["", *lines]),
            next_step="fix these, then run `mlp doctor`",
        )


def load_modules(machine: Machine, wanted: Needs) -> None:
    """Load needed kernel modules that are on disk but not loaded.

    Raises:
        UserError: The kernel refused a module.
    """
    names = [
        item.module for item in wanted.kernel.values() if item.module and state(item, machine.kernel) == "loadable"
    ]
    if not names:
        return
    done = subprocess.run(["modprobe", "-a", *names], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "Kernel modules could not be loaded.",
            seen=done.stderr.strip(),
            allowed=", ".join(names),
            next_step=f"modprobe -a {' '.join(names)}",
        )


def _system(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="system",
        ok=machine.system == "Linux" and machine.architecture in wanted.architectures,
        seen=f"{machine.system} on {machine.architecture}",
        needed=f"Linux on {' or '.join(wanted.architectures)}",
        fix="use a Linux machine or a virtual machine with Linux",
    )


def _python(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="Python",
        ok=machine.python == wanted.python,
        seen=machine.python,
        needed=wanted.python,
        fix=f"install python{wanted.python} and python{wanted.python}-venv, remove .mlp/venv, then run make up",
    )


def _root(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="root",
        ok=machine.user == 0,
        seen=f"user id {machine.user}",
        needed="user id 0",
        fix="run the command as root, for example with sudo -H",
    )
    if machine.user == 0:
        lacking = [name for name, bit in wanted.capabilities.items() if not machine.capabilities >> bit & 1]
        yield Result(
            check="capabilities",
            ok=not lacking,
            seen=f"root without {', '.join(lacking)}" if lacking else "all needed ones",
            needed=", ".join(wanted.capabilities),
            fix="run the command outside the container, or give the container these capabilities (privileged)",
        )


def _programs(machine: Machine, wanted: Needs) -> Iterator[Result]:
    for name, fix in wanted.programs.items():
        found = machine.programs.get(name)
        yield Result(
            check=f"program {name}", ok=found is not None, seen=found or "not on PATH", needed="on PATH", fix=fix
        )


def _disk(machine: Machine, wanted: Needs) -> Iterator[Result]:
    devices: dict[int, list[Disk]] = {}
    for disk in machine.disks:
        devices.setdefault(disk.device, []).append(disk)
    for disks in devices.values():
        free = min(disk.free for disk in disks) / GB
        ours = sum(disk.ours for disk in disks) / GB
        yield Result(
            check=f"disk of {' and '.join(disk.purpose for disk in disks)}",
            ok=free + ours >= wanted.disk_gb and free >= wanted.disk_spare_gb,
            seen=f"{free:.1f} GB free" + (f", {ours:.1f} GB already used by the platform" if ours else ""),
            needed=f"{wanted.disk_gb:.0f} GB free or used by the platform, at least {wanted.disk_spare_gb:.0f} GB free",
            fix=f"free space on the file system of {' and '.join(str(disk.folder) for disk in disks)}",
        )


def _memory(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="memory",
        ok=machine.memory >= (wanted.memory_gib - wanted.memory_tolerance_gib) * GIB,
        seen=f"{machine.memory / GIB:.1f} GiB",
        needed=f"{wanted.memory_gib:.0f} GiB",
        fix="give the machine more memory, or raise its container's limit",
    )


def _kernel(machine: Machine, wanted: Needs) -> Iterator[Result]:
    for name, feature in wanted.kernel.items():
        yield _feature(name, feature, machine)


def _feature(name: str, feature: Feature, machine: Machine) -> Result:
    found = state(feature, machine.kernel)
    can_load = "modprobe" in machine.programs
    shown = {
        "present": "present",
        "loadable": f"module {feature.module}, not loaded",
        "absent": f"not in kernel {machine.kernel.release}",
        "unknown": "assumed; the kernel configuration of this machine cannot be read",
    }
    load = f"modprobe {feature.module}" if can_load else f"apt-get install kmod, then modprobe {feature.module}"
    return Result(
        check=name,
        ok=found in ("present", "unknown") or (found == "loadable" and can_load),
        seen=shown[found],
        needed=f"a kernel with {feature.option}",
        fix=load if found == "loadable" else f"boot a kernel built with {feature.option}",
    )


def _cgroups(machine: Machine, wanted: Needs) -> Iterator[Result]:
    version1 = [mount for mount in machine.mounts if mount.kind == "cgroup"]
    if any("memory" in mount.options for mount in version1):
        controllers = {option for mount in version1 if "rw" in mount.options for option in mount.options}
        needed, version = [*wanted.cgroups, *wanted.cgroups_v1], 1
    else:
        writable = any(mount.kind == "cgroup2" and "rw" in mount.options for mount in machine.mounts)
        controllers = set(machine.controllers) if writable else set()
        needed, version = wanted.cgroups, 2
    lacking = [name for name in needed if name not in controllers]
    yield Result(
        check="control groups",
        ok=not lacking,
        seen=f"version {version}, "
        + (f"not writable or missing: {', '.join(lacking)}" if lacking else "all controllers"),
        needed=", ".join(needed),
        fix="mount the controllers read-write under /sys/fs/cgroup, or enable them at boot (cgroup_enable=memory)",
    )
    locked = [mount for mount in machine.mounts if mount.point == "/proc/sys" and "ro" in mount.options]
    yield Result(
        check="kernel settings",
        ok=not locked,
        seen="/proc/sys is read-only" if locked else "writable",
        needed="/proc/sys writable",
        fix="run the command outside the container, or make the container privileged",
    )


def _network(machine: Machine, wanted: Needs) -> Iterator[Result]:
    del wanted
    yield Result(
        check="address range",
        ok=not machine.conflicts,
        seen=f"in use: {', '.join(machine.conflicts)}" if machine.conflicts else "free",
        needed="198.18.0.0/15 used by the embedded cluster only",
        fix="remove the address or route (ip addr, ip route), or move the network to another range",
    )
    yield Result(
        check="other cluster",
        ok=machine.other_cluster is None,
        seen=f"running: {machine.other_cluster}" if machine.other_cluster else "none",
        needed="at most one embedded cluster on a machine",
        fix="run `mlp cluster stop` in the other checkout",
    )
