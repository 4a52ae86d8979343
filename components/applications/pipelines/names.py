"""Names of Pipelines' parts. Most of them, and the namespace, are built into upstream's binaries."""

from __future__ import annotations

from components.applications.description import Flow, Route
from components.substrates.requests import Grant

NAMESPACE = "kubeflow"
"""Namespace of servers and runs. In single-user mode the API server starts every run in its own namespace, and drivers
connect to `ml-pipeline.kubeflow` and `metadata-grpc-service.kubeflow`."""

API_SERVER = "ml-pipeline"
HTTP_PORT = 8888
GRPC_PORT = 8887
PERSISTENCE_AGENT = "ml-pipeline-persistenceagent"
SCHEDULER = "ml-pipeline-scheduledworkflow"
METADATA = "metadata-grpc-service"
METADATA_PORT = 8080
WORKFLOW_CONTROLLER = "workflow-controller"

RUNNER = "pipeline-runner"
"""ServiceAccount of steps."""

LAUNCHER_CONFIG = "kfp-launcher"
METADATA_CONFIG = "metadata-grpc-configmap"
CLIENT_SECRET = "pipelines-client"  # noqa: S105 - a name

URL = f"http://{API_SERVER}.{NAMESPACE}.svc:{HTTP_PORT}"
"""Address of the API inside the cluster."""

API_SERVER_GRANT = Grant(
    application="pipelines", namespace=NAMESPACE, service_account=API_SERVER, read_write=("pipelines",)
)
RUNNER_GRANT = Grant(
    application=RUNNER,
    namespace=NAMESPACE,
    service_account=RUNNER,
    read_write=("pipelines",),
    read_only=("raw", "features", "models"),
)
GRANTS = (API_SERVER_GRANT, RUNNER_GRANT)

PREFIX = "/pipelines"
API = "/apis/v2beta1"
"""Path that the Gateway exposes. The older API has endpoints that fetch any URL, so it is left out."""

UPLOAD_SECONDS = 120

API_ROUTE = Route(
    name="pipelines",
    path=PREFIX + API,
    service=API_SERVER,
    port=HTTP_PORT,
    protection="token",
    rewrite=API,
    timeout_seconds=UPLOAD_SECONDS,
)

HEALTH = f"{API}/healthz"
HEALTH_ROUTE = Route(
    name="pipelines-health",
    path=PREFIX + HEALTH,
    service=API_SERVER,
    port=HTTP_PORT,
    protection="open",
    rewrite=HEALTH,
)
"""Answers without a token, so that `mlp status` and a load balancer see whether the API server runs."""

FLOWS = (
    Flow(source="pipelines"),
    Flow(source="gateway", to=API_SERVER, port=HTTP_PORT),
)
"""Traffic that may enter the namespace; it is limited because the servers require no login inside the cluster."""
