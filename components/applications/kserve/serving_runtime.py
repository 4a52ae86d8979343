"""The `mlplatform` serving runtime and the downloader of model files for KServe, as plain data."""

from __future__ import annotations

from collections.abc import Mapping

from components.kubernetes import kube
from components.kubernetes.transformations import RESTRICTED_CONTAINER, Object, copied, requirements

API = "serving.kserve.io/v1alpha1"
RUNTIME = "mlplatform"
"""Name of the ClusterServingRuntime; InferenceServices refer to it in `spec.predictor.model.runtime`."""

PORT = 8080
FEAST_SECRET = "feast-config"  # noqa: S105 - a name
"""Secret with `feature_store.yaml` in the namespace of every InferenceService."""

PREDICTOR = kube.Resources(cpu="250m", memory="384Mi", cpu_limit="2", memory_limit="1Gi")
"""Default requests and limits; an InferenceService may override them."""

FETCHER = kube.Resources(cpu="100m", memory="128Mi", cpu_limit="1", memory_limit="512Mi")

MODEL_FORMATS = ("mlflow", "lightgbm")


def security_context() -> Object:
    """Return a container security context for Pod Security's `restricted` level; KServe applies it to its pods."""
    return {**copied(RESTRICTED_CONTAINER), "seccompProfile": {"type": "RuntimeDefault"}}


def _probe(path: str, *, period: int, failures: int) -> Object:
    get = {"path": path, "port": PORT, "scheme": "HTTP"}
    return {"httpGet": get, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 5}


def serving_runtime(images: Mapping[str, str], predictor: kube.Resources = PREDICTOR) -> Object:
    """Return the ClusterServingRuntime of the predictor, which reads features from Redis as its Feast config says."""
    container = {
        "name": "kserve-container",
        "image": images["serving"],
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "services.predictor"],
        "args": ["--model-name={{.Name}}", "--model-dir=/mnt/models", f"--port={PORT}"],
        "env": [
            # The predictor computes one request at a time; more threads would only wait for each other.
            {"name": "OMP_NUM_THREADS", "value": "1"},
            {"name": "FEAST_CONFIG", "value": "/etc/feast/feature_store.yaml"},
        ],
        "ports": [{"containerPort": PORT, "name": "http1", "protocol": "TCP"}],
        "resources": requirements(predictor),
        "securityContext": security_context(),
        "startupProbe": _probe("/v2/health/ready", period=1, failures=180),
        "readinessProbe": _probe("/v2/health/ready", period=5, failures=2),
        "livenessProbe": _probe("/v2/health/live", period=20, failures=3),
        "volumeMounts": [
            {"name": "feast", "mountPath": "/etc/feast", "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - inside the pod
        ],
    }
    return {
        "apiVersion": API,
        "kind": "ClusterServingRuntime",
        "metadata": {"name": RUNTIME},
        "spec": {
            "annotations": {"prometheus.kserve.io/path": "/metrics", "prometheus.kserve.io/port": str(PORT)},
            "supportedModelFormats": [
                {"name": name, "autoSelect": name == "mlflow", "priority": 1} for name in MODEL_FORMATS
            ],
            "protocolVersions": ["v1", "v2"],
            "multiModel": False,
            "containers": [container],
            "volumes": [
                {"name": "feast", "secret": {"secretName": FEAST_SECRET}},
                {"name": "scratch", "emptyDir": {"sizeLimit": "256Mi"}},
            ],
        },
    }


def storage_container(images: Mapping[str, str]) -> Object:
    """Return the ClusterStorageContainer: the init container of predictors that downloads `s3://` models."""
    container = {
        "name": "storage-initializer",
        "image": images["storage-initializer"],
        "imagePullPolicy": "IfNotPresent",
        "resources": requirements(FETCHER),
        "securityContext": security_context(),
    }
    return {
        "apiVersion": API,
        "kind": "ClusterStorageContainer",
        "metadata": {"name": "default"},
        "spec": {
            "container": container,
            "supportedUriFormats": [{"prefix": "s3://"}],
            "supportsMultiModelDownload": True,
            "workloadType": "initContainer",
        },
    }
