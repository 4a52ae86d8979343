"""The gateway and KServe as they run: who may attach a route, what is refused, what predictors are given."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common import paths
from components.applications.description import Route
from components.applications.gateway import envoy
from components.applications.gateway.route import GatewayRouteArgs, http_route

KUBECTL = str(Path(sys.executable).parent / "kubectl")
OUTSIDE = "entrance-test"
SECONDS = 30.0


def kubectl(*arguments: str, given: object = None) -> subprocess.CompletedProcess[str]:
    command = [KUBECTL, "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    return subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)


def read(*arguments: str) -> dict[str, Any]:
    done = kubectl("get", *arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def apply(item: dict[str, Any]) -> None:
    done = kubectl("apply", "-f", "-", given=item)
    assert done.returncode == 0, done.stderr


def wait(what: str, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.2)


def inference_service(name: str, **model: object) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": OUTSIDE},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "mlflow"}, **model}}},
    }


@pytest.fixture(scope="module")
def outside(platform: dict[str, Any]) -> Iterator[str]:
    """A restricted namespace that the Gateway was not told of."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OUTSIDE, "labels": labels}})
    yield OUTSIDE
    kubectl("delete", "namespace", OUTSIDE, "--wait=true")


def accepted(namespace: str, name: str) -> str | None:
    """Return what the Gateway says of a route: the reason of its condition Accepted."""
    parents = read("httproute", "-n", namespace, name).get("status", {}).get("parents", [])
    found = [c["reason"] for parent in parents for c in parent["conditions"] if c["type"] == "Accepted"]
    return found[0] if found else None


def test_the_gateway_answers_under_its_address(platform: dict[str, Any]) -> None:
    gateway = read("gateway", "-n", envoy.NAMESPACE, envoy.GATEWAY)
    assert platform["urls"]["gateway"] == f"http://{gateway['status']['addresses'][0]['value']}"
    answer = httpx.get(f"{platform['urls']['gateway']}/no-such-application", trust_env=False, timeout=10)
    assert answer.status_code == 404


def test_only_named_namespaces_attach_routes(platform: dict[str, Any], outside: str) -> None:
    route = Route(name="stray", path="/stray", service="none", port=80, protection="open")
    apply(http_route(GatewayRouteArgs(namespace=outside, route=route)))
    wait("a verdict on the stray route", lambda: accepted(outside, "stray"))
    assert accepted(outside, "stray") == "NotAllowedByListeners"
    assert accepted(platform["namespaces"]["mlflow"], "mlflow") == "Accepted"


def test_a_route_leads_to_its_application(platform: dict[str, Any]) -> None:
    answer = httpx.get(f"{platform['urls']['mlflow']}/health", trust_env=False, timeout=10)
    assert (answer.status_code, answer.text) == (200, "OK")


def test_the_webhook_refuses_an_inference_service_that_cannot_run(outside: str) -> None:
    wrong = inference_service("Wrong_Name", storageUri="s3://models/none")
    assert kubectl("apply", "-f", "-", given=wrong).returncode != 0
    wrong = inference_service("flights", storageUri="s3://models/none")
    wrong["spec"]["predictor"]["minReplicas"] = -1
    refused = kubectl("apply", "-f", "-", given=wrong)
    assert "inferenceservice.kserve-webhook-server.validator" in refused.stderr


def test_a_predictor_is_restricted_and_has_no_token(outside: str) -> None:
    apply(inference_service("probe", storageUri="s3://models/none"))
    selector = ("pods", "-n", outside, "-l", "serving.kserve.io/inferenceservice=probe")
    wait("the predictor's pod, which the namespace admits", lambda: read(*selector)["items"])
    spec = read(*selector)["items"][0]["spec"]
    assert [container["name"] for container in spec["initContainers"]] == ["storage-initializer"]
    assert not [volume for volume in spec["volumes"] if "projected" in volume]
    for container in [*spec["containers"], *spec["initContainers"]]:
        assert container["image"].startswith("mlplatform.local/")
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["requests"]["cpu"]
    assert kubectl("get", "httproute", "-n", outside, "probe").returncode != 0, "KServe made a route of its own"
