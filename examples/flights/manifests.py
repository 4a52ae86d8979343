"""What serving the champion takes, as plain Kubernetes objects."""

from __future__ import annotations

from typing import Any

from client.platform import Platform
from examples.flights.tracking import Champion, storage_uri

SERVICE = "flights"
"""InferenceService of the champion, and its path below the gateway's `/serving`."""

CHALLENGER = "flights-challenger"
"""InferenceService of a version that is to be looked at before it becomes champion."""

GATEWAY = {"name": "mlplatform", "namespace": "envoy-gateway-system"}
"""The platform's Gateway, which takes routes of namespace `models`."""

CHALLENGER_RESOURCES = {
    "requests": {"cpu": "100m", "memory": "384Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}

IDENTITY = "mlplatform/workload-identity"
"""Annotation: digest of what the deployment was made from."""


def inference_service(champion: Champion, platform: Platform, identity: str, service: str = SERVICE) -> dict[str, Any]:
    """Return the InferenceService that serves `champion` with the platform's runtime.

    Args:
        champion: The registered version.
        platform: Where it is to run.
        identity: Digest of what led to this deployment.
        service: Its name.
    """
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": service,
            "namespace": platform.models_namespace,
            "labels": {"mlplatform/model": champion.name, "mlplatform/model-version": champion.version},
            "annotations": {IDENTITY: identity},
        },
        "spec": {
            "predictor": {
                "serviceAccountName": "serving",
                # One replica more than wanted during a roll-out, so that requests never meet an empty service.
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
                    "storageUri": storage_uri(champion.artifacts, platform.outputs["buckets"]["models"]),
                    "env": [{"name": "MODEL_VERSION", "value": champion.version}],
                    # The champion is as large as the platform's settings make predictors; a challenger is looked at,
                    # not put under load.
                    **({} if service == SERVICE else {"resources": CHALLENGER_RESOURCES}),
                },
            }
        },
    }


def route(platform: Platform, service: str = SERVICE) -> dict[str, Any]:
    """Return the HTTPRoute from `/serving/<service>/` to the predictor; its weights are where a canary enters."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": service, "namespace": platform.models_namespace},
        "spec": {
            "parentRefs": [GATEWAY],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": f"/serving/{service}"}}],
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
