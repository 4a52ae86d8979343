"""The node recovers from kills and interrupted commands, and a stop removes it without remains."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from kubernetes import client

import node
from common import paths
from common.errors import UserError
from node import addresses, cgroups, layout, netns, owner, supervisor
from tests.cluster import inventory
from tests.cluster.support import answers, note, predict, soak, until

pytestmark = pytest.mark.restarts_node

WELL_SECONDS = 300.0
"""Maximum time until the whole platform is ready again on a busy machine."""

KUBECTL = Path(sys.executable).with_name("kubectl")


@dataclass(frozen=True)
class Known:
    """State of the platform before the tests: its data, workloads and responses."""

    data: dict[str, set[str]]
    ready: set[str]
    predictions: object


def ready(apps: client.AppsV1Api) -> set[str]:
    """Return the Deployments and StatefulSets whose pods are all ready."""
    items = apps.list_deployment_for_all_namespaces().items + apps.list_stateful_set_for_all_namespaces().items
    return {
        f"{item.metadata.namespace}/{item.metadata.name}"
        for item in items
        if item.spec.replicas == (item.status.ready_replicas or 0)
    }


@pytest.fixture(scope="module", autouse=True)
def known(
    platform: dict[str, Any],
    core: client.CoreV1Api,
    apps: client.AppsV1Api,
    served: httpx.Client,
    keys: dict[str, str],
) -> Known:
    return Known(inventory.data(platform, core), ready(apps), predict(served, keys).json()["predictions"])


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    node.start()
    yield
    node.start()


def kubectl(*arguments: str) -> str:
    command = [str(KUBECTL), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def marker() -> Iterator[str]:
    """Store an object in the cluster that must survive all tests."""
    value = uuid.uuid4().hex
    kubectl("-n", "default", "create", "configmap", f"marker-{value}", f"--from-literal=key={value}")
    yield value
    kubectl("-n", "default", "delete", "configmap", f"marker-{value}")


def stored(value: str) -> bool:
    return kubectl("-n", "default", "get", "configmap", f"marker-{value}", "-o", "jsonpath={.data.key}") == value


def pids() -> dict[str, int | None]:
    return {entry.name: entry.pid for entry in node.status().programs}


def eventually(check: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, node.status()
        time.sleep(0.3)


def kill_everything() -> None:
    while found := cgroups.processes():
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


def test_starting_a_running_cluster_changes_nothing(marker: str) -> None:
    before = pids()
    node.start()
    assert pids() == before
    assert stored(marker)


def test_every_process_that_is_killed_comes_back(marker: str) -> None:
    before = pids()
    for pid in before.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def all_new() -> bool:
        now = pids()
        return all(now.get(name) not in (None, pid) for name, pid in before.items()) and node.status().ready

    eventually(all_new, seconds=180)
    assert stored(marker)


def test_start_heals_what_a_kill_of_everything_left(marker: str) -> None:
    kill_everything()
    assert not node.is_running()
    assert node.leftovers(), "nothing was left: this test proves nothing"
    node.start()
    assert node.is_running()
    assert stored(marker)


def test_the_supervisors_end_is_everybodys_end() -> None:
    held = owner.read()
    assert held is not None
    os.kill(held.pid, signal.SIGKILL)
    eventually(lambda: not cgroups.processes(), seconds=20)


def test_stop_leaves_nothing_and_start_finds_the_data(marker: str) -> None:
    settings = json.loads(layout.SYSCTLS.read_text())
    node.stop()
    assert node.leftovers() == []
    assert not netns.PATH.exists()
    assert not layout.SUPERVISOR_SOCKET.exists()
    assert not layout.CONTAINERD_SOCKET.exists()
    links = subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    assert addresses.HOST_LINK not in [entry["ifname"] for entry in json.loads(links)]
    assert str(layout.DATA) not in Path("/proc/self/mountinfo").read_text()
    assert not list(cgroups.ROOT.glob(f"*/{layout.CGROUP}"))
    assert {name: (Path("/proc/sys") / name).read_text().strip() for name in settings} == settings
    node.stop()
    node.start()
    assert stored(marker)


def test_another_checkouts_living_cluster_is_named_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pids()
    with monkeypatch.context() as other:
        other.setattr(paths, "ROOT", Path("/srv/another-checkout"))
        for action in (node.start, node.stop, node.reset):
            with pytest.raises(UserError) as caught:
                action()
            assert str(Path(__file__).parents[2]) in caught.value.render()
    assert pids() == before


def test_another_checkouts_dead_cluster_is_cleared_away(marker: str) -> None:
    kill_everything()
    record = json.loads(layout.OWNER.read_text())
    layout.OWNER.write_text(json.dumps(record | {"checkout": "/srv/another-checkout"}))
    node.start()
    held = owner.read()
    assert held is not None
    assert held.ours
    assert stored(marker)


def killed_after(seconds: float, action: str) -> None:
    """Start an action on the cluster in a separate process and kill the process."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import node; node.{action}()"],
        cwd=paths.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()


@pytest.mark.parametrize("moments", [(0.4, 0.8, 1.2, 1.6, 2.0), pytest.param((2.5, 3.0, 4.0, 5.0, 6.0), marks=soak)])
def test_starts_that_are_killed_are_completed_by_the_next(moments: tuple[float, ...], marker: str) -> None:
    """Kill one start after another, so that each start finds the remains of the one before."""
    for seconds in moments:
        kill_everything()
        killed_after(seconds, "start")
    node.start()
    assert node.status().ready
    assert stored(marker)


def test_a_supervisor_that_hangs_is_replaced(marker: str) -> None:
    held = owner.read()
    assert held is not None
    os.kill(held.pid, signal.SIGSTOP)
    node.start()
    assert supervisor.answers()
    assert stored(marker)


def test_a_machine_that_uses_the_addresses_is_told_so() -> None:
    before = pids()
    taken = ["198.18.77.1/32", "dev", "lo"]
    subprocess.run(["ip", "addr", "add", *taken], check=True)
    try:
        with pytest.raises(UserError) as caught:
            node.start()
    finally:
        subprocess.run(["ip", "addr", "del", *taken], check=True)
    assert "198.18.77.1" in caught.value.render()
    assert pids() == before


@pytest.mark.parametrize("seconds", [0.5, pytest.param(2.0, marks=soak)])
def test_a_stop_that_is_killed_is_completed_by_the_next(seconds: float, marker: str) -> None:
    killed_after(seconds, "stop")
    node.stop()
    assert node.leftovers() == []
    node.start()
    assert stored(marker)


def test_the_platform_is_well_after_all_that(
    platform: dict[str, Any],
    core: client.CoreV1Api,
    apps: client.AppsV1Api,
    served: httpx.Client,
    keys: dict[str, str],
    known: Known,
) -> None:
    seconds = until("what was ready is ready again", lambda: known.ready <= ready(apps), WELL_SECONDS)
    note("platform well after its node came back, s", seconds + until("served", lambda: answers(served, keys)))
    found = inventory.data(platform, core)
    assert {name: values - found[name] for name, values in known.data.items()} == {name: set() for name in found}
    assert predict(served, keys).json()["predictions"] == known.predictions
