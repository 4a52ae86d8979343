"""`mlp doctor` on this machine with real faults in separate namespaces: it reports each fault and nothing else."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from common.paths import ROOT
from node.machine.checks import Result

DOCTOR = shlex.join(
    [sys.executable, "-c", "import typer; from mlp.commands.doctor import command; typer.run(command)", "--json"]
)


def doctor(prepare: str, *, wrap: str = "") -> dict[str, Result]:
    """Return the failed checks of the doctor after `prepare` ran in new network and mount namespaces."""
    script = f"set -e; {prepare}; exec {wrap} {DOCTOR}"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    results = [Result(**entry) for entry in json.loads(done.stdout)]
    failed = {result.check: result for result in results if not result.ok}
    assert done.returncode == (1 if failed else 0)
    return failed


@pytest.fixture(scope="module")
def before() -> set[str]:
    """Return the checks that fail on this machine anyway, for example because another checkout's cluster runs."""
    return set(doctor("true"))


def test_an_address_in_the_clusters_range(before: set[str]) -> None:
    failed = doctor("ip link set lo up; ip address add 198.18.7.7/32 dev lo")
    assert set(failed) - before == {"address range"}
    assert "198.18.7.7/32 on lo" in failed["address range"].seen


def test_a_route_into_the_clusters_range(before: set[str]) -> None:
    failed = doctor("ip link add other type veth peer far; ip link set other up; ip route add 198.19.0.0/16 dev other")
    assert set(failed) - before == {"address range"}
    assert "198.19.0.0/16 on other" in failed["address range"].seen


def test_a_default_route_is_no_conflict(before: set[str]) -> None:
    failed = doctor("ip link add other type veth peer far; ip link set other up; ip route add default dev other")
    assert set(failed) <= before


def test_root_without_a_capability(before: set[str]) -> None:
    failed = doctor("true", wrap="setpriv --bounding-set -sys_admin --inh-caps -sys_admin")
    assert set(failed) - before == {"capabilities"}
    assert "CAP_SYS_ADMIN" in failed["capabilities"].seen


def test_a_full_cache_disk(tmp_path: Path) -> None:
    """Compare a full disk with a large one: a separate disk for the cache also changes what the checkout needs."""
    folder = shlex.quote(str(tmp_path))
    roomy, full = (
        doctor(f"mount -t tmpfs -o size={size} cache {folder}; export XDG_CACHE_HOME={folder}")
        for size in ("200g", "50m")
    )
    assert set(full) - set(roomy) == {"disk of cache"}
    assert str(tmp_path) in full["disk of cache"].fix


def test_read_only_kernel_settings(before: set[str]) -> None:
    failed = doctor("mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")
    assert set(failed) - before == {"kernel settings"}


def test_read_only_control_groups(before: set[str]) -> None:
    remount = "awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | xargs -n 1 mount -o remount,bind,ro"
    failed = doctor(remount)
    assert set(failed) - before == {"control groups"}


def test_a_missing_program(before: set[str], tmp_path: Path) -> None:
    for name in ("apt-get", "dpkg-query", "setpriv", "nsenter", "go"):
        (tmp_path / name).symlink_to("/bin/true")
    failed = doctor(f"export PATH={shlex.quote(str(tmp_path))}")
    assert set(failed) - before == {"program make"}
