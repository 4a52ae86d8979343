"""Kubeflow Pipelines as the rest of the platform sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.applications.description import Address, Application, Flow, Route, UserObjects
from components.applications.pipelines import names
from components.applications.pipelines.settings import PipelinesSection

if TYPE_CHECKING:
    from components.applications.context import Context
    from components.applications.pipelines.component import Pipelines

PREFIX = "/pipelines"
API = "/apis/v2beta1"
"""What the Gateway lets through; the older API has endpoints that fetch any URL they are given."""

UPLOAD_SECONDS = 120

API_ROUTE = Route(
    name="pipelines",
    path=PREFIX + API,
    service=names.API_SERVER,
    port=names.HTTP_PORT,
    protection="token",
    rewrite=API,
    timeout_seconds=UPLOAD_SECONDS,
)


def declare(context: Context, settings: PipelinesSection) -> Pipelines:
    """Declare the component."""
    from components.applications.pipelines.component import declare as declared

    return declared(context, settings)


PIPELINES = Application(
    name="pipelines",
    title="Kubeflow Pipelines: API server, workflow controller, ML Metadata, and the namespace of runs",
    namespace=names.NAMESPACE,
    settings=PipelinesSection,
    declare=declare,
    requires=("gateway", "mlflow", "feast", "models"),
    images=(
        "argoexec",
        "workflow-controller",
        "ml-metadata",
        "pipelines-api",
        "pipelines-driver",
        "pipelines-launcher",
        "pipelines-persistence-agent",
        "pipelines-scheduled-workflow",
    ),
    manifests=("argo", "pipelines"),
    mysql={"pipelines": "mlpipeline", "metadata": "metadb"},
    grants=names.GRANTS,
    routes=(API_ROUTE,),
    addresses={"pipelines": Address(path=PREFIX, health=f"{API}/healthz")},
    credentials={"pipelines": names.CLIENT_SECRET},
    # The servers ask nobody in their own namespace for a login.
    flows=(
        Flow(source="pipelines"),
        Flow(source="gateway", to=names.API_SERVER, port=names.HTTP_PORT),
    ),
    # Schedules before workflows: one that is left would start another.
    user_objects=(
        UserObjects(
            group="kubeflow.org",
            version="v1beta1",
            plural="scheduledworkflows",
            controller="the scheduled workflow controller",
        ),
        # A workflow goes before its pods: with the pods first, its controller would try their steps again.
        UserObjects(
            group="argoproj.io",
            version="v1alpha1",
            plural="workflows",
            controller="the workflow controller",
            propagation="Background",
        ),
    ),
    checks=("pipeline-run",),
)
