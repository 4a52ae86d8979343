"""Description of Kubeflow Pipelines."""

from __future__ import annotations

from components.applications.description import Address, Application, UserObjects
from components.applications.pipelines import names
from components.applications.pipelines.settings import PipelinesSection
from components.teams.team import TeamGrant

PIPELINES = Application(
    name="pipelines",
    title="Kubeflow Pipelines: API server, workflow controller, ML Metadata, and the namespace of runs",
    namespace=names.NAMESPACE,
    settings=PipelinesSection,
    requires=("gateway", "mlflow", "feast"),
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
    routes=(names.API_ROUTE, names.HEALTH_ROUTE),
    addresses={"pipelines": Address(path=names.PREFIX, health=names.HEALTH)},
    credentials={"pipelines": names.CLIENT_SECRET},
    flows=names.FLOWS,
    # Schedules before workflows: a remaining schedule would start another workflow.
    user_objects=(
        UserObjects(
            group="kubeflow.org",
            version="v1beta1",
            plural="scheduledworkflows",
            controller="the scheduled workflow controller",
        ),
        # A workflow before its pods: if the pods went first, the controller would retry their steps.
        UserObjects(
            group="argoproj.io",
            version="v1alpha1",
            plural="workflows",
            controller="the workflow controller",
            propagation="Background",
            pod_label="workflows.argoproj.io/workflow",
            pod_finalizer="workflows.argoproj.io/status",
        ),
    ),
    checks=("pipeline-run",),
    team_grants=(
        TeamGrant(identity="pipeline-runner", read_write=("pipelines",), read_only=("raw", "features", "models")),
    ),
)
