"""Deploys the stock KServe server beside the predictor: same model, features and CPU limits, with its own route."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from client.platform import Platform
from common.errors import UserError
from examples.flights.deploy import apply, current
from examples.flights.manifests import SERVICE, route

NAME = "bench-stock"
IMAGE = "kserve-stock"
CPU_REQUEST = "250m"
READY_SECONDS = 240.0
SECURE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def config_map(namespace: str) -> dict[str, Any]:
    """Return the ConfigMap with the server's code."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"stock_server.py": Path(__file__).with_name("stock_server.py").read_text()},
    }


def modest(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the predictor's limits with a CPU request that fits beside it on a node of two cores.

    The servers are measured in turn: while one works the other is idle, and a request only matters under contention.
    """
    found = copy.deepcopy(resources)
    found["requests"]["cpu"] = CPU_REQUEST
    return found


def running(platform: Platform) -> dict[str, Any]:
    """Return requests and limits of the running predictor."""
    from kubernetes import client

    found = client.AppsV1Api(platform.api).read_namespaced_deployment(f"{SERVICE}-predictor", platform.namespace)
    (server,) = [part for part in found.spec.template.spec.containers if part.name == "kserve-container"]
    return platform.api.sanitize_for_serialization(server.resources)


def inference_service(namespace: str, image: str, uri: str, resources: dict[str, Any]) -> dict[str, Any]:
    """Return the InferenceService of the stock server.

    Args:
        namespace: Namespace.
        image: Image reference.
        uri: Address of the model.
        resources: Requests and limits of the predictor.
    """
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "predictor": {
                "serviceAccountName": "serving",
                "minReplicas": 1,
                "maxReplicas": 1,
                "containers": [
                    {
                        "name": "kserve-container",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python", "/opt/bench/stock_server.py", f"--model_name={NAME}"],
                        "env": [
                            {"name": "STORAGE_URI", "value": uri},
                            {"name": "HOME", "value": "/tmp"},
                            {"name": "OMP_NUM_THREADS", "value": "1"},
                        ],
                        "ports": [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}],
                        "resources": modest(resources),
                        "securityContext": SECURE,
                        "readinessProbe": {
                            "httpGet": {"path": f"/v2/models/{NAME}/ready", "port": 8080},
                            "periodSeconds": 2,
                            "timeoutSeconds": 5,
                        },
                        "volumeMounts": [
                            {"name": "bench", "mountPath": "/opt/bench", "readOnly": True},
                            {"name": "feast", "mountPath": "/etc/feast", "readOnly": True},
                            {"name": "scratch", "mountPath": "/tmp"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "bench", "configMap": {"name": NAME}},
                    {"name": "feast", "secret": {"secretName": "feast-config"}},
                    {"name": "scratch", "emptyDir": {"sizeLimit": "256Mi"}},
                ],
            }
        },
    }


def stock_route(platform: Platform) -> dict[str, Any]:
    """Return a copy of the predictor's route for the stock server."""
    item = route(platform)
    item["metadata"]["name"] = NAME
    rule = item["spec"]["rules"][0]
    rule["matches"][0]["path"]["value"] = f"/serving/{platform.team}/{NAME}"
    rule["backendRefs"] = [{"name": f"{NAME}-predictor", "port": 80}]
    return item


@contextlib.contextmanager
def deployed(platform: Platform, example: dict[str, Any]) -> Iterator[str]:
    """Run the stock server while the block runs; yield its prediction URL.

    Args:
        platform: The platform.
        example: Keys of a request that proves that the server answers.

    Raises:
        UserError: The predictor is not deployed, or the stock server does not answer in time.
    """
    from artifacts import images

    served = current(platform)
    if served is None:
        message = f"InferenceService {SERVICE} is not there to be compared"
        raise UserError(message, next_step=f"mlp workload run flights --stack {platform.stack}")
    images.ensure([IMAGE])
    images.load([IMAGE])
    space = platform.namespace
    uri = served["spec"]["predictor"]["model"]["storageUri"]
    stock = inference_service(space, images.reference(IMAGE), uri, running(platform))
    items = [config_map(space), stock, stock_route(platform)]
    url = f"{platform.serving_url(NAME)}/v1/models/{NAME}:predict"
    try:
        for item in items:
            apply(platform, item)
        _wait(platform, url, example)
        yield url
    finally:
        for item in reversed(items):
            _delete(platform, item)


def _wait(platform: Platform, url: str, example: dict[str, Any]) -> None:
    import httpx

    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            answer = httpx.post(url, json={"instances": [example]}, timeout=10, trust_env=False)
            if answer.status_code == 200 and "probability" in answer.text:
                return
            seen = f"{answer.status_code} {answer.text[:300]}"
        except httpx.HTTPError as error:
            seen = f"{type(error).__name__} {error}"
        if time.monotonic() > until:
            command = f"kubectl -n {platform.namespace} logs deployment/{NAME}-predictor"
            raise UserError("the stock KServe server does not answer", seen=f"{url}: {seen}", next_step=command)
        time.sleep(0.5)


def _delete(platform: Platform, item: dict[str, Any]) -> None:
    from kubernetes.client import ApiException
    from kubernetes.dynamic import DynamicClient

    resource = DynamicClient(platform.api).resources.get(api_version=item["apiVersion"], kind=item["kind"])
    try:
        resource.delete(name=item["metadata"]["name"], namespace=item["metadata"]["namespace"])
    except ApiException as error:
        if error.status != 404:
            raise
