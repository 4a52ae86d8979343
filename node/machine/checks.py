"""Judges what was seen of the machine: one result a check, pure functions of a `Machine` and the `Needs`."""

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
    """One check.

    Attributes:
        check: What is checked.
        ok: Whether the machine passes.
        seen: What was found.
        needed: What would pass.
        fix: What to do when it does not.
    """

    check: str
    ok: bool
    seen: str
    needed: str
    fix: str


def examine(machine: Machine, wanted: Needs) -> list[Result]:
    """Return every check's result, in the order in which a user would mend them."""
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
    """Refuse a machine on which the platform cannot run; load kernel modules that are only not loaded yet.

    Raises:
        UserError: Names every check that failed, with how to mend it.
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
    """Return what is seen of this machine."""
    return read_machine([*wanted.programs, "modprobe"], round(wanted.disk_gb * GB))


def refuse(results: list[Result]) -> None:
    """Raise when a check failed.

    Raises:
        UserError: With a line for each failed check.
    """
    failed = [result for result in results if not result.ok]
    if failed:
        lines = [f"{item.check}: {item.seen}; needed: {item.needed}; {item.fix}" for item in failed]
        raise UserError(
            f"this machine cannot run the platform: {len(failed)} of {len(results)} checks failed",
            seen="\n    ".join(["", *lines]),
            next_step="mend these, then see them all with `mlp doctor`",
        )


def load_modules(machine: Machine, wanted: Needs) -> None:
    """Load the modules of needed features that are on disk only.

    Raises:
        UserError: The kernel refused one.
    """
    names = [
        item.module for item in wanted.kernel.values() if item.module and state(item, machine.kernel) == "loadable"
    ]
    if not names:
        return
    done = subprocess.run(["modprobe", "-a", *names], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "kernel modules could not be loaded",
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
        fix="use a Linux machine; elsewhere, a virtual one",
    )


def _python(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="Python",
        ok=machine.python == wanted.python,
        seen=machine.python,
        needed=wanted.python,
        fix=f"install python{wanted.python} and python{wanted.python}-venv, remove .mlp/venv, run make up",
    )


def _root(machine: Machine, wanted: Needs) -> Iterator[Result]:
    yield Result(
        check="root",
        ok=machine.user == 0,
        seen=f"user id {machine.user}",
        needed="user id 0",
        fix="run it as root, for example with sudo -H",
    )
    if machine.user == 0:
        lacking = [name for name, bit in wanted.capabilities.items() if not machine.capabilities >> bit & 1]
        yield Result(
            check="capabilities",
            ok=not lacking,
            seen=f"root without {', '.join(lacking)}" if lacking else "all that are needed",
            needed=", ".join(wanted.capabilities),
            fix="run it outside the container, or give the container these capabilities (privileged)",
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
            seen=f"{free:.1f} GB free" + (f", {ours:.1f} GB ours already" if ours else ""),
            needed=f"{wanted.disk_gb:.0f} GB, of which {wanted.disk_spare_gb:.0f} GB are free",
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
        "unknown": "nothing denies it; this machine shows no kernel configuration",
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
        fix="mount them read-write under /sys/fs/cgroup, or boot with them enabled (cgroup_enable=memory)",
    )
    locked = [mount for mount in machine.mounts if mount.point == "/proc/sys" and "ro" in mount.options]
    yield Result(
        check="kernel settings",
        ok=not locked,
        seen="/proc/sys is read-only" if locked else "writable",
        needed="/proc/sys writable",
        fix="run it outside the container, or make the container privileged",
    )


def _network(machine: Machine, wanted: Needs) -> Iterator[Result]:
    del wanted
    yield Result(
        check="address range",
        ok=not machine.conflicts,
        seen=f"in use: {', '.join(machine.conflicts)}" if machine.conflicts else "free",
        needed="198.18.0.0/15 used by nothing but the embedded cluster",
        fix="remove that address or route (ip addr, ip route), or move that network to another range",
    )
    yield Result(
        check="other cluster",
        ok=machine.other_cluster is None,
        seen=f"running: {machine.other_cluster}" if machine.other_cluster else "none",
        needed="one embedded cluster on a machine",
        fix="stop the other one: run `mlp cluster stop` in its checkout",
    )
