"""Servers that support Pipelines' API: ML Metadata, and the controllers of runs and schedules."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.applications.pipelines import names, workflows
from components.applications.pipelines.workflows import RunPolicy
from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope
from components.substrates.contract import AUTHORITIES_FILE, Substrate

TOKENS = "/var/run/secrets/kubeflow/tokens"
AUDIENCE = "pipelines.kubeflow.org"
DATABASE = "/run/secrets/database"

METADATA = kube.Resources(cpu="20m", memory="96Mi", cpu_limit="1", memory_limit="384Mi")
AGENT = kube.Resources(cpu="10m", memory="32Mi", cpu_limit="500m", memory_limit="192Mi")

WATCHING = ["/bin/sh", "-c", "grep -Eq ':01BB 01 ' /proc/net/tcp /proc/net/tcp6"]
"""Probe that succeeds while a connection to port 443 is open.

These two controllers serve no port, and do nothing useful without a watch on the API server.
"""


def metadata(scope: Scope, substrate: Substrate) -> k8s.apps.v1.Deployment:
    """Declare ML Metadata, which records every execution and artifact, with its Service."""
    database = substrate.mysql["metadata"]
    account = scope.service_account(names.METADATA)
    files = database.files()
    secret = scope.secret("metadata-database", {"password": database.password, **files})
    container = pods.Container(
        name="ml-metadata",
        image=substrate.images["ml-metadata"],
        resources=METADATA,
        env={
            "METADATA_PORT": str(names.METADATA_PORT),
            "METADATA_MYSQL_HOST": database.host,
            "METADATA_MYSQL_PORT": str(database.port),
            "METADATA_MYSQL_DATABASE": database.name,
            "METADATA_MYSQL_USER": database.user,
            "METADATA_MYSQL_PASSWORD_FILE": f"{DATABASE}/password",
            **({"METADATA_MYSQL_CA_FILE": f"{DATABASE}/{AUTHORITIES_FILE}"} if files else {}),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        ports={"grpc": names.METADATA_PORT},
        probes=pods.Probes(port=names.METADATA_PORT, grpc=True),
        mounts=[
            volumes.Mount(name="database", path=DATABASE, secret=secret.metadata.name),
            volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
        ],
    )
    scope.service(names.METADATA_PORT, protocol="grpc")
    return scope.deployment(
        1,
        pods.pod(
            container,
            service_account=account.metadata.name,
            application=names.METADATA,
            annotations=kube.secrets_digest(database.password, *files.values()),
        ),
        requires=database.requires,
    )


CONTROLLER_ENVIRONMENT = {
    # By default the controller looks at a workflow again after 10 s, which delays every step.
    "DEFAULT_REQUEUE_TIME": "1s",
    # Keeps a deleted or evicted pod until the controller has seen its end. Otherwise the step counts as an error of
    # the cluster, which the retries of a pipeline do not cover.
    "ARGO_POD_STATUS_CAPTURE_FINALIZER": "true",
}


def workflow_controller(
    scope: Scope,
    substrate: Substrate,
    policy: RunPolicy,
    resources: kube.Resources,
    requires: Sequence[pulumi.Resource],
) -> k8s.apps.v1.Deployment:
    """Declare Argo's workflow controller, which runs the pods of every run, in this namespace only."""
    account = scope.service_account(names.WORKFLOW_CONTROLLER)
    access = substrate.object_store.access[names.RUNNER_GRANT.application]
    config = workflows.configuration(policy, access.environment)
    # The controller reads this ConfigMap by name and watches it, so a change needs no restart of pods.
    k8s.core.v1.ConfigMap(
        "workflow-controller-configmap",
        metadata=scope.metadata("workflow-controller-configmap"),
        data=config,
        opts=scope.opts,
    )
    container = pods.Container(
        name=names.WORKFLOW_CONTROLLER,
        image=substrate.images["workflow-controller"],
        resources=resources,
        command=["workflow-controller"],
        args=workflows.arguments(substrate.images["argoexec"]),
        env=CONTROLLER_ENVIRONMENT,
        field_env={"LEADER_ELECTION_IDENTITY": "metadata.name"},
        ports={"metrics": 9090, "health": 6060},
        probes=pods.Probes(port=6060, path="/healthz", timeout_seconds=10),
        mounts=[volumes.Mount(name="tmp", path="/tmp")],  # noqa: S108 - a volume of the pod's own
    )
    return scope.deployment(
        1,
        pods.pod(
            container,
            service_account=account.metadata.name,
            application=names.WORKFLOW_CONTROLLER,
            kubernetes_token=True,
        ),
        requires=requires,
    )


def persistence_agent(
    scope: Scope, substrate: Substrate, policy: RunPolicy, requires: Sequence[pulumi.Resource]
) -> k8s.apps.v1.Deployment:
    """Declare the agent that reports the state of workflows to the API and deletes workflows that have ended."""
    return _agent(
        scope,
        substrate.images["pipelines-persistence-agent"],
        ["/bin/persistence_agent"],
        [f"--ttlSecondsAfterWorkflowFinish={policy.run_kept_seconds}", "--numWorker=2", "--executionType=Workflow"],
        "persistenceagent-sa-token",
        requires,
    )


def scheduler(scope: Scope, substrate: Substrate, requires: Sequence[pulumi.Resource]) -> k8s.apps.v1.Deployment:
    """Declare the controller that starts the runs of schedules (recurring runs)."""
    return _agent(
        scope,
        substrate.images["pipelines-scheduled-workflow"],
        ["/bin/controller"],
        [],
        "scheduledworkflow-sa-token",
        requires,
    )


def _agent(
    scope: Scope,
    image: str,
    command: Sequence[str],
    args: Sequence[str],
    token: str,
    requires: Sequence[pulumi.Resource],
) -> k8s.apps.v1.Deployment:
    account = scope.service_account(scope.application)
    container = pods.Container(
        name=scope.application,
        image=image,
        resources=AGENT,
        command=command,
        args=["-logtostderr=true", f"--namespace={names.NAMESPACE}", "--logLevel=info", *args],
        env={"CRON_SCHEDULE_TIMEZONE": "UTC"},
        probes=pods.Probes(port=0, command=WATCHING),
        mounts=[volumes.Mount(name="token", path=TOKENS, token=volumes.Token(AUDIENCE, token))],
    )
    return scope.deployment(
        1,
        pods.pod(
            container,
            service_account=account.metadata.name,
            application=scope.application,
            kubernetes_token=True,
        ),
        requires=requires,
    )
