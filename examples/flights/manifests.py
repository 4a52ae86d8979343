"""Builds the InferenceService and the HTTPRoute of a model version, as plain data."""

from __future__ import annotations

from typing import Any

from client.platform import Platform
from examples.flights.tracking import RegisteredVersion, storage_uri

SERVICE = "flights"
"""InferenceService of the champion, and its path below the gateway's `/serving/<team>`."""

CHALLENGER = "flights-challenger"
"""InferenceService of a version that is tested before it becomes the champion."""

GATEWAY = {"name": "mlplatform", "namespace": "envoy-gateway-system"}
"""The platform's Gateway, which accepts routes of the teams' namespaces."""

CHALLENGER_RESOURCES = {
    "requests": {"cpu": "100m", "memory": "384Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}

IDENTITY = "mlplatform/workload-identity"
"""Annotation with the digest of the deployment's inputs."""


def inference_service(
    version: RegisteredVersion, platform: Platform, identity: str, service: str = SERVICE
) -> dict[str, Any]:
    """Return the InferenceService that serves a model version with the platform's runtime.

    Args:
        version: The registered version.
        platform: The platform that runs the service.
        identity: Digest of the deployment's inputs.
        service: Name of the InferenceService.
    """
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": service,
            "namespace": platform.namespace,
            "labels": {"mlplatform/model": version.name, "mlplatform/model-version": version.version},
            "annotations": {IDENTITY: identity},
        },
        "spec": {
            "predictor": {
                "serviceAccountName": "serving",
                # One extra replica during a rollout, so that the service always has a ready pod.
                "deploymentStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "minReplicas": 1,
                "maxReplicas": 1,
                "model": {
                    "modelFormat": {"name": "mlflow"},
                    "runtime": "mlplatform",
                    "protocolVersion": "v1",
                    "storageUri": storage_uri(version.artifacts, platform.outputs["buckets"]["models"]),
                    "env": [{"name": "MODEL_VERSION", "value": version.version}],
                    # The platform's settings give the size of the champion. A challenger is tested without load.
                    **({} if service == SERVICE else {"resources": CHALLENGER_RESOURCES}),
                },
            }
        },
    }


def route(platform: Platform, service: str = SERVICE) -> dict[str, Any]:
    """Return the HTTPRoute from `/serving/<team>/<service>/` to the predictor; a canary changes the weights."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": service, "namespace": platform.namespace},
        "spec": {
            "parentRefs": [GATEWAY],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": f"/serving/{platform.team}/{service}"}}],
                    "filters": [
                        {
                            "type": "URLRewrite",
                            "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
                        }
                    ],
                    "backendRefs": [{"name": f"{service}-predictor", "port": 80, "weight": 100}],
                    "timeouts": {"request": "10s"},
                }
            ],
        },
    }
