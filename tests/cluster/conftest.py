"""The platform under test, deployed with the command that a user types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client

from client.kube import api_client
from examples.flights import deploy
from mlp import engine
from tests.cluster.support import mlp


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that stop and restart the node last, because every other test needs the running platform."""
    items.sort(key=lambda item: item.get_closest_marker("restarts_node") is not None)


@pytest.fixture(scope="session")
def platform() -> dict[str, Any]:
    """Outputs of stack `local`, after `mlp up` has converged: workload deployed, smoke passed."""
    done = mlp("up")
    assert done.returncode == 0, f"mlp up failed:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return engine.outputs("local")


@pytest.fixture(scope="session")
def apps(platform: dict[str, Any]) -> client.AppsV1Api:
    """Client of Deployments and StatefulSets."""
    return client.AppsV1Api(api_client(platform["kubeconfig"]))


@pytest.fixture(scope="session")
def core(platform: dict[str, Any]) -> client.CoreV1Api:
    """Client of pods, Services and Secrets."""
    return client.CoreV1Api(api_client(platform["kubeconfig"]))


@pytest.fixture(scope="session")
def served(platform: dict[str, Any]) -> Iterator[httpx.Client]:
    """HTTP client of the reference workload's service, through the gateway."""
    base = f"{platform['urls']['serving'].rstrip('/')}/{platform['default_team']}/flights"
    with httpx.Client(base_url=base, timeout=10, trust_env=False) as http:
        yield http


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    """Join keys of a flight whose features are in the online store."""
    return deploy.example()
