"""Helpers for tests of the running platform: waits with a deadline, and temporary outages of applications."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis
from kubernetes import client

from common import paths

GONE_SECONDS = 120.0
"""Longest time for a pod to end, or to be ready again."""

RETURN_SECONDS = 30.0
"""Longest time for an application to recover after its dependency is back; measured is far less."""

soak = pytest.mark.skipif("MLP_TEST_SOAK" not in os.environ, reason="takes minutes: make soak")
"""Mark of a test that takes several minutes."""

PREDICT = "/v1/models/flights:predict"


def mlp(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on stack `local`."""
    command = [sys.executable, "-m", "mlp.cli", *arguments, "--stack", "local"]
    return subprocess.run(command, check=False, cwd=paths.ROOT, capture_output=True, text=True)


def until(
    what: str, holds: Callable[[], object], seconds: float = RETURN_SECONDS, seen: Sequence[str] | None = None
) -> float:
    """Wait for a condition; return the seconds.

    Args:
        what: The condition, for the message.
        holds: Tells whether the condition holds; a single call must end well before `seconds`.
        seconds: Longest time to wait.
        seen: What `holds` saw, which it appends to; the message shows the last three.
    """
    began = time.monotonic()
    while not holds():
        last = "" if seen is None else f"; last seen: {' | '.join(seen[-3:]) or 'nothing'}"
        assert time.monotonic() - began < seconds, f"not {what} within {seconds:g} s{last}"
        time.sleep(0.1)
    return round(time.monotonic() - began, 2)


def predict(served: httpx.Client, *instances: dict[str, Any], **more: Any) -> httpx.Response:
    """Request predictions with V1; a connection error fails the test."""
    return served.post(PREDICT, json={"instances": list(instances), **more})


def answers(served: httpx.Client, keys: dict[str, str]) -> bool:
    """Tell whether a prediction request succeeds; False for a refused or broken connection."""
    try:
        return predict(served, keys).status_code == 200
    except httpx.TransportError:
        return False


def secret(core: client.CoreV1Api, namespace: str, name: str) -> dict[str, str]:
    """Return the decoded values of a Secret."""
    data = core.read_namespaced_secret(name, namespace).data
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def address(core: client.CoreV1Api, service: str) -> str:
    """Return the ClusterIP of a Service in namespace `data`; this machine has a route to it."""
    return core.read_namespaced_service(service, "data").spec.cluster_ip


def online_store(core: client.CoreV1Api, password: str | None = None) -> redis.Redis:
    """Return a client of Redis with its own password, or with another."""
    password = password or secret(core, "data", "redis-config")["password"]
    return redis.Redis(host=address(core, "redis"), password=password, socket_timeout=5, socket_connect_timeout=5)


@contextmanager
def without(apps: client.AppsV1Api, name: str, namespace: str = "data") -> Iterator[None]:
    """Scale a StatefulSet of one pod to zero while the block runs, and wait until its pod is back."""

    def scale(replicas: int) -> None:
        apps.patch_namespaced_stateful_set_scale(name, namespace, {"spec": {"replicas": replicas}})

        def reached() -> bool:
            status = apps.read_namespaced_stateful_set(name, namespace).status
            return (status.replicas or 0, status.ready_replicas or 0) == (replicas, replicas)

        until(f"{name} at {replicas} ready pods", reached, GONE_SECONDS)

    try:
        scale(0)
        yield
    finally:
        scale(1)


def note(name: str, value: float | str) -> None:
    """Record a measured figure for the report; no test checks it."""
    path = paths.REPORTS / "cluster-tests.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**figures, name: value}, indent=2, sort_keys=True) + "\n")
