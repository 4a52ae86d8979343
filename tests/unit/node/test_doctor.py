"""Machine checks: all pass on a suitable machine, and each fails when its fact is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from common.errors import UserError
from mlp.commands import doctor
from node.machine import checks
from node.machine.kernel import Kernel
from node.machine.machine import GIB, Disk, Machine, Mount
from node.machine.needs import Needs, needs

WANTED = needs()
GB = checks.GB


def cgroup(*names: str, options: str = "rw") -> tuple[Mount, ...]:
    return tuple(
        Mount(kind="cgroup", point=f"/sys/fs/cgroup/{name}", options=frozenset({options, name})) for name in names
    )


FIT = Machine(
    system="Linux",
    architecture="x86_64",
    python="3.11",
    user=0,
    capabilities=0x1FFFEFFFFFF,
    memory=24 * GIB,
    disks=(
        Disk(purpose="checkout", folder=Path("/w/.mlp"), device=1, free=79 * GB),
        Disk(purpose="cache", folder=Path("/home/user/.cache/mlplatform"), device=1, free=79 * GB),
    ),
    mounts=cgroup(*WANTED.cgroups, *WANTED.cgroups_v1),
    controllers=frozenset(),
    kernel=Kernel(
        release="6.18",
        options={item.option: "y" for item in WANTED.kernel.values()},
        modules=None,
        paths=frozenset(),
    ),
    programs={name: f"/usr/bin/{name}" for name in [*WANTED.programs, "modprobe"]},
    conflicts=(),
    other_cluster=None,
)

SMALL = tuple(dataclasses.replace(disk, free=24 * GB) for disk in FIT.disks)
UNIFIED = (Mount(kind="cgroup2", point="/sys/fs/cgroup", options=frozenset({"rw"})),)


def failed(machine: Machine) -> list[str]:
    return [result.check for result in checks.examine(machine, WANTED) if not result.ok]


def sees(machine: Machine) -> Callable[[Needs], Machine]:
    def look(_: Needs) -> Machine:
        return machine

    return look


def kernel(**changes: Any) -> Kernel:
    return dataclasses.replace(FIT.kernel, **changes)


def test_a_fit_machine_passes_everything() -> None:
    assert failed(FIT) == []


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"system": "Darwin"}, "system"),
        ({"architecture": "aarch64"}, "system"),
        ({"python": "3.12"}, "Python"),
        ({"user": 1000}, "root"),
        ({"capabilities": FIT.capabilities & ~(1 << 21)}, "capabilities"),
        ({"memory": 7 * GIB}, "memory"),
        ({"disks": SMALL}, "disk of checkout and cache"),
        ({"mounts": cgroup(*WANTED.cgroups, "cpuacct", "devices")}, "control groups"),
        ({"mounts": cgroup(*WANTED.cgroups, *WANTED.cgroups_v1, options="ro")}, "control groups"),
        ({"mounts": ()}, "control groups"),
        ({"mounts": UNIFIED, "controllers": frozenset({"cpu", "memory", "pids"})}, "control groups"),
        (
            {"mounts": (*FIT.mounts, Mount(kind="proc", point="/proc/sys", options=frozenset({"ro"})))},
            "kernel settings",
        ),
        ({"conflicts": ("198.18.0.0/24 on eth1",)}, "address range"),
        ({"other_cluster": "/home/other (supervisor pid 7)"}, "other cluster"),
    ],
)
def test_one_broken_fact_fails_its_check_alone(change: dict[str, Any], check: str) -> None:
    assert failed(dataclasses.replace(FIT, **change)) == [check]


@pytest.mark.parametrize("name", list(WANTED.programs))
def test_a_missing_program_is_named(name: str) -> None:
    programs = {key: path for key, path in FIT.programs.items() if key != name}
    assert failed(dataclasses.replace(FIT, programs=programs)) == [f"program {name}"]


@pytest.mark.parametrize("name", list(WANTED.kernel))
def test_a_missing_kernel_feature_is_named(name: str) -> None:
    options = {item.option: "y" for key, item in WANTED.kernel.items() if key != name}
    assert failed(dataclasses.replace(FIT, kernel=kernel(options=options))) == [name]


def test_a_module_that_is_on_disk_passes_only_where_it_can_be_loaded() -> None:
    options = {**{item.option: "y" for item in WANTED.kernel.values()}, "CONFIG_BRIDGE_NETFILTER": "m"}
    machine = dataclasses.replace(FIT, kernel=kernel(options=options, modules=frozenset({"br_netfilter"})))
    assert failed(machine) == []
    assert failed(dataclasses.replace(machine, programs=dict.fromkeys(WANTED.programs, "/x"))) == ["bridge netfilter"]
    assert failed(dataclasses.replace(FIT, kernel=kernel(options=options, modules=frozenset()))) == ["bridge netfilter"]


def test_version_2_control_groups_pass() -> None:
    machine = dataclasses.replace(FIT, mounts=UNIFIED, controllers=frozenset({*WANTED.cgroups, "io"}))
    assert failed(machine) == []


def test_an_unused_version_2_mount_beside_version_1_changes_nothing() -> None:
    assert failed(dataclasses.replace(FIT, mounts=(*FIT.mounts, *UNIFIED))) == []


def test_a_machine_with_nominal_8_gib_passes() -> None:
    assert failed(dataclasses.replace(FIT, memory=round(7.7 * GIB))) == []


def test_disk_that_is_ours_already_counts_as_long_as_some_is_free() -> None:
    used = tuple(dataclasses.replace(disk, free=10 * GB, ours=8 * GB) for disk in FIT.disks)
    assert failed(dataclasses.replace(FIT, disks=used)) == []
    full = tuple(dataclasses.replace(disk, free=1 * GB, ours=20 * GB) for disk in FIT.disks)
    assert failed(dataclasses.replace(FIT, disks=full)) == ["disk of checkout and cache"]


def test_each_file_system_is_judged_by_itself() -> None:
    checkout, cache = FIT.disks
    disks = (checkout, dataclasses.replace(cache, device=2, free=5 * GB))
    assert failed(dataclasses.replace(FIT, disks=disks)) == ["disk of cache"]


def test_refusal_names_each_failure_with_seen_needed_and_fix() -> None:
    machine = dataclasses.replace(FIT, user=1000, memory=2 * GIB)
    with pytest.raises(UserError) as caught:
        checks.refuse(checks.examine(machine, WANTED))
    text = caught.value.render()
    assert "2 of " in text
    assert "root: user id 1000; needed: user id 0; run the command as root" in text
    assert "memory: 2.0 GiB; needed: 8 GiB" in text
    assert "mlp doctor" in text


def test_up_refuses_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("modules were loaded on a machine that is refused")

    monkeypatch.setattr(checks, "inspect_machine", sees(dataclasses.replace(FIT, memory=GIB)))
    monkeypatch.setattr(checks, "load_modules", never)
    with pytest.raises(UserError, match=r"memory: 1\.0 GiB"):
        checks.check_machine()


def test_doctor_ends_with_status_1_and_shows_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "inspect_machine", sees(dataclasses.replace(FIT, conflicts=("198.18.0.0/24 on eth1",))))
    with pytest.raises(typer.Exit) as caught:
        doctor.command()
    assert caught.value.exit_code == 1
    shown = capsys.readouterr().out
    assert "198.18.0.0/24 on eth1" in shown
    assert "ip route" in shown


def test_doctor_passes_a_fit_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checks, "inspect_machine", sees(FIT))
    monkeypatch.setattr("artifacts.packages.debian.missing", lambda: ["runc"])
    doctor.command()
    shown = capsys.readouterr().out
    assert "can run the platform" in shown
    assert "will install: runc" in shown
