"""Test the Gateway with the real engine: an ordered up, a second up without changes, a destroy that keeps CRDs."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import pulumi
import pytest

from artifacts import manifests
from components.applications.gateway.component import Gateway, GatewayArgs
from components.applications.gateway.envoy import GATEWAY, NAMESPACE
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Stack
from tests.engine.test_upstream_objects import substrate

GATEWAY_PATH = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/gateways/{GATEWAY}"
NODE = "gateway-node"
"""A node object, because endpoints exist only for pods on a node."""

DEPLOYMENT = "gateway/Deployment/envoy-gateway-system/envoy-gateway"


def _condition(kind: str) -> dict[str, str]:
    moment = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": moment}


def stand_in(plane: ControlPlane) -> None:
    """Act as kubelet and Envoy Gateway once: run pods, complete pods of Jobs, program the Gateway."""
    for pod in plane.pods(NAMESPACE):
        owner = pod["metadata"].get("ownerReferences", [{}])[0].get("kind")
        phase = "Succeeded" if owner == "Job" else "Running"
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}"
        if not pod["spec"].get("nodeName"):
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}}
            plane.http.post(f"{path}/binding", json={**binding, "target": {"kind": "Node", "name": NODE}})
        if pod["metadata"].get("deletionTimestamp"):
            plane.http.request("DELETE", path, json={"gracePeriodSeconds": 0})
        elif pod["status"].get("phase") != phase:
            addresses = {"podIP": "198.18.128.9", "podIPs": [{"ip": "198.18.128.9"}]}
            plane.merge(
                f"{path}/status", {"status": {"phase": phase, "conditions": [_condition("Ready")], **addresses}}
            )
    if plane.get(GATEWAY_PATH):
        plane.merge(f"{GATEWAY_PATH}/status", {"status": {"conditions": [_condition("Programmed")]}})


@pytest.fixture
def running(plane: ControlPlane) -> Iterator[None]:
    plane.put(f"/api/v1/nodes/{NODE}", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.2):
            stand_in(plane)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()
    plane.delete(f"/api/v1/nodes/{NODE}")


def gateway(stack: Stack, namespaces: list[str]) -> Callable[[], None]:
    def program() -> None:
        below = dataclasses.replace(
            substrate(), kubernetes=stack.provider(), kubeconfig=pulumi.Output.secret(stack.kubeconfig)
        )
        Gateway(
            "gateway",
            GatewayArgs(
                substrate=below,
                gateway_api=manifests.rendered("gateway-api"),
                controller=manifests.rendered("envoy-gateway"),
                route_namespaces=namespaces,
            ),
        )

    return program


def test_the_gateway_comes_up_in_order_stays_as_it_is_and_goes(
    stack: Stack, plane: ControlPlane, running: None
) -> None:
    manifests.ensure()
    made = stack.up(gateway(stack, ["models"]))
    order = list(made.operations())
    job, deployment = "gateway/Job/envoy-gateway-system/envoy-gateway-certgen", DEPLOYMENT
    assert order.index("gateway-gateway-api-crds") < order.index(job) < order.index(deployment)
    assert order.index(deployment) < order.index(f"gateway/Gateway/{NAMESPACE}/{GATEWAY}")
    states = (stack.folder / "state" / ".pulumi" / "stacks").rglob("*.json")
    assert sum(path.stat().st_size for path in states) < 200_000

    again = stack.up(gateway(stack, ["models"]))
    assert again.operations() == {}
    assert stack.refresh(gateway(stack, ["models"])).operations() == {}

    changed = stack.preview(gateway(stack, ["mlflow", "models"]))
    assert changed.operations() == {f"gateway/Gateway/{NAMESPACE}/{GATEWAY}": "update"}

    stack.destroy()
    assert stack.resources() == {}
    assert plane.get(f"/api/v1/namespaces/{NAMESPACE}") is None
    assert plane.get("/apis/gateway.networking.k8s.io/v1/gatewayclasses") is None, "no object was left of it"
