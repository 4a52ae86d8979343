"""Ownership of the node, and the readiness of its system pods."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from typing_extensions import override

from common import paths
from common.errors import UserError
from node import api, cgroups, cleanup, layout, lifecycle, node, owner, system


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layout, "OWNER", tmp_path / "owner.json")
    return layout.OWNER


def write(record: Path, **changes: object) -> None:
    known = {"checkout": str(paths.ROOT), "pid": os.getpid(), "started": node.start_ticks(os.getpid())}
    record.write_text(json.dumps(known | changes))


def test_another_checkouts_running_cluster_is_named_and_refused(record: Path) -> None:
    write(record, checkout="/elsewhere/platform")
    with pytest.raises(UserError) as caught:
        owner.refuse_other_checkout()
    assert "/elsewhere/platform" in caught.value.render()
    assert "mlp cluster stop" in caught.value.render()


def test_cleanup_never_touches_another_checkouts_running_cluster(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(record, checkout="/elsewhere/platform")
    monkeypatch.setattr(cgroups, "kill", lambda: pytest.fail("killed a stranger's processes"))
    with pytest.raises(UserError):
        cleanup.remove_leftovers()


def test_this_checkouts_running_cluster_is_accepted(record: Path) -> None:
    write(record)
    owner.refuse_other_checkout()
    held = owner.read()
    assert held is not None
    assert held.alive
    assert held.ours


def test_another_checkouts_stopped_cluster_is_accepted(record: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    write(record, checkout="/elsewhere/platform", pid=gone.pid, started=1)
    owner.refuse_other_checkout()


def test_a_pid_that_is_used_again_is_not_the_owner(record: Path) -> None:
    write(record, checkout="/elsewhere/platform", started=1)
    owner.refuse_other_checkout()
    held = owner.read()
    assert held is not None
    assert not held.alive


def test_a_zombie_process_counts_as_ended() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert node.start_ticks(process.pid) is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert node.start_ticks(process.pid) is None
    process.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"checkout": "/x"}', '{"checkout": "/x", "pid": "y"}'])
def test_an_unreadable_record_means_no_owner(record: Path, content: str) -> None:
    record.write_text(content)
    assert owner.read() is None
    owner.refuse_other_checkout()


def test_only_root_may_change_the_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layout, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="root"), owner.exclusive():
        pytest.fail("entered")


def test_two_commands_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layout, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with owner.exclusive():
        taken = subprocess.run(["flock", "--nonblock", str(layout.LOCK), "true"], check=False).returncode
    free = subprocess.run(["flock", "--nonblock", str(layout.LOCK), "true"], check=False).returncode
    assert (taken, free) == (1, 0)


def test_waiting_ends_at_once_when_nothing_is_missing_and_says_what_is_otherwise() -> None:
    answers = iter(["etcd", "scheduler", None])
    assert system.wait(lambda: next(answers), 5) is None
    assert system.wait(lambda: "the kubelet", 0) == "the kubelet"


RENEWED = 1893456000
"""2030-01-01T00:00:00Z"""

LEASE = {"spec": {"renewTime": "2030-01-01T00:00:00.000000Z"}}


class FakeApi(api.Api):
    def __init__(self, answers: dict[str, api.Object]) -> None:
        self.answers = answers

    @override
    def get(self, path: str) -> api.Object:
        for prefix, answer in self.answers.items():
            if path.startswith(prefix):
                return answer
        raise api.ApiError(f"GET {path}: 404")


def deployment(*, available: int, observed: int = 2) -> api.Object:
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": 1},
        "status": {"availableReplicas": available, "updatedReplicas": 1, "observedGeneration": observed},
    }


def test_an_unavailable_deployment_says_why() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    answers = {
        "/apis/apps/v1": deployment(available=0),
        "/api/v1": {"items": [{"status": {"containerStatuses": [waiting]}}]},
    }
    assert system.deployment_problem(FakeApi(answers), "coredns") == "coredns: ImagePullBackOff no such image"


def test_an_available_deployment_counts_only_in_its_newest_form() -> None:
    none: list[api.Object] = []
    fresh = {"/apis/apps/v1": deployment(available=1), "/api/v1": {"items": [{"metadata": "of no interest"}]}}
    assert system.deployment_problem(FakeApi(fresh), "coredns") is None
    stale = {"/apis/apps/v1": deployment(available=1, observed=1), "/api/v1": {"items": none}}
    assert system.deployment_problem(FakeApi(stale), "coredns") == "coredns: no pod yet"


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([{"type": "Ready", "status": "True"}], None),
        ([{"type": "Ready", "status": "False", "message": "no network"}], "no network"),
        ([], "the kubelet has not reported the node's state"),
    ],
)
def test_the_node_says_why_it_is_not_ready(conditions: list[dict[str, str]], problem: str | None) -> None:
    answers = {"/api/v1/nodes": {"status": {"conditions": conditions}}, "/apis/coordination": LEASE}
    assert system.node_problem(FakeApi(answers)) == problem


def test_a_node_that_was_ready_before_the_start_is_not_ready() -> None:
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    answers = {"/api/v1/nodes": ready, "/apis/coordination": LEASE}
    assert system.node_problem(FakeApi(answers), since=RENEWED - 1) is None
    assert "lease" in str(system.node_problem(FakeApi(answers), since=RENEWED + 1))


def test_a_pod_that_ran_before_the_start_is_not_available() -> None:
    running = {"state": {"running": {"startedAt": "2030-01-01T00:00:00Z"}}}
    pods = {"items": [{"status": {"containerStatuses": [running]}}]}
    answers = {"/apis/apps/v1": deployment(available=1), "/api/v1": pods}
    assert system.deployment_problem(FakeApi(answers), "coredns", since=RENEWED + 0.9) is None
    assert "has not started since" in str(system.deployment_problem(FakeApi(answers), "coredns", since=RENEWED + 60))


def test_an_unregistered_node_is_reported() -> None:
    assert system.node_problem(FakeApi({})) == "the kubelet has not registered the node"


def test_an_interrupted_removal_leaves_no_half_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "DATA", tmp_path / "cluster")
    monkeypatch.setattr(layout, "TRASH", tmp_path / "cluster.removed")
    (layout.DATA / "etcd").mkdir(parents=True)

    def crash(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(lifecycle.shutil, "rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            lifecycle.remove_data()
    assert not layout.DATA.exists()
    lifecycle.remove_data()
    assert not layout.TRASH.exists()
