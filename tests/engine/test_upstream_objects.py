"""Test that a real API server accepts every field of the objects that the Gateway and KServe declare."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pulumi_kubernetes as k8s
import pytest
import yaml

from artifacts import manifests
from components.applications.description import Route
from components.applications.gateway import component as gateway
from components.applications.gateway import envoy
from components.applications.gateway.component import GatewayArgs
from components.applications.gateway.route import GatewayRouteArgs, http_route
from components.applications.kserve import component as kserve
from components.applications.kserve.component import KServeArgs
from components.kubernetes.transformations import Object
from components.substrates.contract import GatewayExposure, ImageCatalog, ObjectStore, Substrate
from tests.engine.control_plane import ControlPlane

KUBECTL = str(Path(sys.executable).parent / "kubectl")
NAMES = ("envoy", "envoy-gateway", "kserve-controller", "serving", "storage-initializer")


def substrate() -> Substrate:
    nothing = cast(Any, None)
    return Substrate(
        environment="local",
        kubernetes=cast(k8s.Provider, None),
        kubeconfig=nothing,
        object_store=ObjectStore(
            endpoint="http://198.19.0.70", region="us-east-1", path_style=True, buckets={}, access={}
        ),
        postgres={},
        mysql={},
        redis=nothing,
        storage_classes=nothing,
        images=ImageCatalog({name: f"mlplatform.local/{name}:0123456789ab" for name in NAMES}),
        gateway=GatewayExposure(
            gateway_class="mlplatform",
            service_type="ClusterIP",
            cluster_ip="198.19.0.80",
            base_url="http://198.19.0.80",
        ),
    )


def every_object() -> list[Object]:
    below = substrate()
    entrance = GatewayArgs(
        substrate=below,
        gateway_api=manifests.rendered("gateway-api"),
        controller=manifests.rendered("envoy-gateway"),
        route_namespaces=["models"],
        proxy=envoy.Proxy(replicas=2),
    )
    serving = KServeArgs(substrate=below, controller=manifests.rendered("kserve"))
    path = Route(name="a", path="/a", service="a", port=80, protection="open", pages=True)
    route = GatewayRouteArgs(namespace="default", route=path, base_url="https://ml.example:8443")
    return [*gateway.objects(entrance), *kserve.objects(serving, "PEM", "KEY", "Q0E="), http_route(route)]


def apply(plane: ControlPlane, objects: list[Object] | Path, *options: str) -> subprocess.CompletedProcess[str]:
    text = objects.read_text() if isinstance(objects, Path) else yaml.safe_dump_all(objects)
    command = [KUBECTL, "--kubeconfig", str(plane.kubeconfig), "apply", "--server-side", "--validate=strict", *options]
    return subprocess.run([*command, "-f", "-"], input=text, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def definitions(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with established CRDs and with namespaces, both removed at the end."""
    manifests.ensure()
    for name in ("gateway-api", "envoy-gateway", "kserve"):
        done = apply(plane, manifests.rendered(name).crds_path)
        assert done.returncode == 0, done.stderr
    wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]
    subprocess.run([KUBECTL, "--kubeconfig", str(plane.kubeconfig), *wait], check=True, capture_output=True)
    spaces = [item for item in every_object() if item["kind"] == "Namespace"]
    assert apply(plane, spaces).returncode == 0
    yield plane
    names = [item["metadata"]["name"] for item in spaces]
    delete = [KUBECTL, "--kubeconfig", str(plane.kubeconfig), "delete", "namespace", *names, "--timeout=60s"]
    subprocess.run(delete, check=True, capture_output=True)


def dry_run(plane: ControlPlane, objects: list[Object]) -> str:
    """Return the API server's errors about the objects; empty if it accepts all of them."""
    deadline = time.monotonic() + 30
    while True:
        done = apply(plane, objects, "--dry-run=server")
        # An established CRD takes a moment to appear in the schema that strict validation reads.
        if done.returncode == 0 or "failed to download openapi" not in done.stderr or time.monotonic() > deadline:
            return done.stderr if done.returncode else ""


def test_every_object_is_accepted(definitions: ControlPlane) -> None:
    assert dry_run(definitions, every_object()) == ""


def test_a_wrong_field_is_not_accepted(definitions: ControlPlane) -> None:
    wrong = envoy.envoy_proxy(substrate().images, substrate().gateway, envoy.Proxy())
    wrong["spec"]["provider"]["kubernetes"]["envoyService"]["clusterIP"] = "198.19.0.80"
    assert "clusterIP" in dry_run(definitions, [wrong])
