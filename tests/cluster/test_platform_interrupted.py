"""An interrupted `mlp up` is completed by the next one: no duplicate, nothing left over, nothing lost.

Stores, MLflow, Feast and KServe's controller are deleted with everything that depends on them, about thirty of the
stack's resources, while volumes, passwords and CRDs stay. Then `mlp up` is interrupted repeatedly, alternately by
Ctrl-C and by kill -9 of its process group, each time after a seeded number of created resources. Every run continues
where the previous one was interrupted. When a run ends before its point, the parts are deleted again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest
from kubernetes import client

from client.kube import api_client
from common import paths
from components.kubernetes.provider import FIELD_MANAGER
from mlp.engine.workspace import open_stack
from tests.cluster import inventory
from tests.cluster.support import answers, note, predict, soak, until

STACK = "local"
COMMAND = [sys.executable, "-m", "mlp.cli", "up", "--stack", STACK, "--no-workload"]
SEED = 20131230
INTERRUPTIONS = int(os.environ.get("MLP_TEST_KILLS", "10"))
PARTS = {
    ("StatefulSet", "data/postgres"),
    ("StatefulSet", "data/redis"),
    ("StatefulSet", "data/s3"),
    ("Namespace", "mlflow"),
    ("Namespace", "feast"),
    ("Deployment", "kserve/kserve-controller-manager"),
}
WAIT_SECONDS = 60.0
SECONDS_EACH = 90
"""Longest time of an interruption, counted with the update that completes it, on a machine with other work."""


@dataclass(frozen=True)
class Point:
    """When and how an update is interrupted.

    Attributes:
        made: Number of created resources; 0 is the start of the engine.
        how: SIGINT, the signal of Ctrl-C, or SIGKILL.
    """

    made: int
    how: signal.Signals


def points() -> list[Point]:
    """Return the seeded points with alternating signals, the very beginning once with each."""
    draw = random.Random(SEED)
    how = [signal.SIGINT, signal.SIGKILL]
    counts = [0, 0, *(draw.randint(1, 4) for _ in range(INTERRUPTIONS - 2))]
    return [Point(made, how[index % 2]) for index, made in enumerate(counts)]


def alive(process: psutil.Process) -> bool:
    """Tell whether a process still runs; a process that was not reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended_at(point: Point, family: list[psutil.Process]) -> bool:
    """Run `mlp up` and interrupt it at `point`; return False when it ended before.

    Adds its engine and plugins to `family`.
    """
    with subprocess.Popen(
        COMMAND, cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as up:
        assert up.stdout is not None
        made, seen = -1, list[str]()
        for line in up.stdout:
            seen.append(line)
            made += line.startswith(("    + ", "▸ Update of stack"))
            if made == point.made:
                family += psutil.Process(up.pid).children(recursive=True)
                os.killpg(up.pid, point.how)
                break
        rest = up.stdout.read()
    if made < point.made:
        assert up.returncode == 0, "".join(seen)[-4000:]
        return False
    assert up.returncode != 0, rest[-2000:]
    return True


def complete() -> str:
    """Run `mlp up` to its end and return its output."""
    done = subprocess.run(COMMAND, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def remove_parts() -> int:
    """Delete PARTS and what depends on them from the stack; return the number of resources."""
    stack = open_stack(STACK, writes=True)
    urns = inventory.downstream(inventory.recorded(STACK), PARTS)
    stack.destroy(target=urns, parallel=24, color="never")
    return len(urns)


def converged(platform: dict[str, Any], absent: Collection[tuple[str, str]] = ()) -> None:
    """Check that cluster and state agree, object by object, as if `absent` were not in the cluster."""
    deployment = inventory.recorded(STACK)
    assert not deployment.get("pending_operations")
    there = inventory.declared(api_client(platform["kubeconfig"])) - set(absent)
    wanted = inventory.objects(deployment)
    assert there - wanted == set(), "left over in the cluster"
    assert wanted - there == set(), "recorded, but not there"


def test_what_is_left_over_and_what_is_missing_is_noticed(platform: dict[str, Any], core: client.CoreV1Api) -> None:
    converged(platform)
    body = {"metadata": {"name": "left-over", "namespace": "feast"}, "data": {"key": "value"}}
    core.create_namespaced_config_map("feast", body, field_manager=FIELD_MANAGER)
    try:
        with pytest.raises(AssertionError, match="left over in the cluster"):
            converged(platform)
    finally:
        core.delete_namespaced_config_map("left-over", "feast")
    with pytest.raises(AssertionError, match="recorded, but not there"):
        converged(platform, absent={("Deployment", "feast/feast")})
    converged(platform)


@soak
@pytest.mark.timeout(600 + INTERRUPTIONS * SECONDS_EACH)
def test_an_update_that_is_ended_anywhere_is_completed_by_the_next(
    platform: dict[str, Any], core: client.CoreV1Api, served: httpx.Client, keys: dict[str, str]
) -> None:
    converged(platform)
    until("served", lambda: answers(served, keys))
    before, answer = inventory.data(platform, core), predict(served, keys).json()["predictions"]
    assert all(before.values()), "a platform without data proves nothing"
    removed, through = remove_parts(), 0
    family: list[psutil.Process] = []
    try:
        for point in points():
            while not ended_at(point, family):
                through += 1
                converged(platform)
                remove_parts()
    finally:
        complete()
    converged(platform)
    assert " 0 changed" in complete()
    until("engines and plugins gone", lambda: not any(map(alive, family)), WAIT_SECONDS)
    after = inventory.data(platform, core)
    assert {name: found - after[name] for name, found in before.items()} == {name: set() for name in before}
    until("served", lambda: answers(served, keys), WAIT_SECONDS)
    assert predict(served, keys).json()["predictions"] == answer
    note("interrupted up", f"{INTERRUPTIONS} interruptions of {removed} resources, {through} runs got through")
