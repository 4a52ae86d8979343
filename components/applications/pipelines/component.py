"""Kubeflow Pipelines: API server, ML Metadata and the controllers of runs and schedules, without upstream's UI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from artifacts.manifests import Rendered, rendered
from components.applications.description import Context
from components.applications.feast.component import Feast
from components.applications.gateway.component import Gateway
from components.applications.mlflow.component import MLflow
from components.applications.network import declare_flows
from components.applications.pipelines import access, agents, api_server, names, rights, runs
from components.applications.pipelines.runs import Clients
from components.applications.pipelines.settings import PipelinesSection
from components.applications.pipelines.workflows import RunPolicy
from components.kubernetes import kube
from components.kubernetes.crds import crd_bundle
from components.kubernetes.manifests import Manifests, ManifestsArgs
from components.kubernetes.objects import Scope, restricted_namespace
from components.substrates.contract import Substrate
from components.teams.component import TeamSpace


@dataclass(frozen=True, kw_only=True)
class PipelinesArgs:
    """Arguments of `Pipelines`.

    Attributes:
        substrate: Substrate that Pipelines runs on.
        argo: Rendered Argo: CRDs, and the controller's role.
        upstream: Rendered Pipelines: CRDs, and the servers' roles.
        clients: Addresses and credentials with which steps reach the other applications.
        policy: Limits of runs.
        replicas: Pods of the API server.
        server: Requests and limits of the API server.
        controller: Requests and limits of the workflow controller; its memory grows with the runs it keeps.
        gateway_crds: The Gateway API's CRDs.
        namespaces: Namespace of each application, for network policies.
        team: Team on whose data all runs work.
    """

    substrate: Substrate
    argo: Rendered
    upstream: Rendered
    clients: Clients
    policy: RunPolicy
    replicas: int
    server: kube.Resources
    controller: kube.Resources
    gateway_crds: pulumi.Resource
    namespaces: Mapping[str, str]
    team: TeamSpace


class Pipelines(pulumi.ComponentResource):
    """Pipelines in the namespace `kubeflow`, which holds servers and runs.

    Attributes:
        namespace: Namespace of servers and runs.
        url: Address of the API inside the cluster.
    """

    namespace: str
    url: str

    def __init__(self, name: str, args: PipelinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Pipelines", name, None, opts)
        substrate = args.substrate
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        place = restricted_namespace(names.NAMESPACE, child)

        def scope(application: str) -> Scope:
            return Scope(application=application, namespace=place, base=child)

        crds = [
            crd_bundle(f"{bundle.name}-crds", bundle, substrate.kubernetes, substrate.kubeconfig, self)
            for bundle in (args.argo, args.upstream)
        ]
        keys = [runs.KEYS] if runs.has_static_keys(substrate) else []
        roles = Manifests(
            f"{name}-rights",
            ManifestsArgs(
                objects=rights.objects([*args.argo.objects, *args.upstream.objects], keys), namespace=names.NAMESPACE
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[place.resource])),
        )
        ground = [*crds, roles, *runs.declare(scope(name), substrate, args.clients, args.policy, args.team)]
        agents.metadata(scope(names.METADATA), substrate)
        agents.workflow_controller(scope(names.WORKFLOW_CONTROLLER), substrate, args.policy, args.controller, ground)
        server = api_server.declare(scope(names.API_SERVER), substrate, args.replicas, args.server, ground)
        agents.persistence_agent(scope(names.PERSISTENCE_AGENT), substrate, args.policy, [server])
        agents.scheduler(scope(names.SCHEDULER), substrate, [server])
        declare_flows(scope(name), name, names.FLOWS, args.namespaces)
        access.declare(scope(name), substrate.gateway.base_url, args.gateway_crds, server)
        self.namespace, self.url = names.NAMESPACE, names.URL
        self.register_outputs({"url": self.url})


def declare(context: Context, settings: PipelinesSection) -> Pipelines:
    """Declare Kubeflow Pipelines from its settings."""
    tracking, store = context.component(MLflow), context.component(Feast)
    return Pipelines(
        "pipelines",
        PipelinesArgs(
            substrate=context.substrate,
            argo=rendered("argo"),
            upstream=rendered("pipelines"),
            clients=Clients(
                feast_config=store.client_config,
                mlflow=tracking.client_environment(context.teams[0].team.name, "pipeline-runner"),
            ),
            policy=settings.runs.policy(),
            replicas=settings.replicas,
            server=settings.size.resources(),
            controller=settings.controller.resources(),
            gateway_crds=context.component(Gateway).crds,
            namespaces={item.name: item.namespace for item in context.applications},
            team=context.teams[0],
        ),
    )
