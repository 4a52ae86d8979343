"""Kubeflow Pipelines: API server, ML Metadata and the controllers of runs and schedules, without upstream's UI."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import kube
from components.crds import CrdBundle, CrdBundleArgs
from components.kubeflow import access, agents, api_server, isolation, names, rights, runs
from components.kubeflow.runs import Clients
from components.kubeflow.workflows import RunPolicy
from components.manifests import Manifests, ManifestsArgs
from components.objects import Scope, space
from components.substrate import Substrate
from upstream import Rendered


@dataclass(frozen=True, kw_only=True)
class PipelinesArgs:
    """Arguments of `Pipelines`.

    Attributes:
        substrate: What it runs on.
        argo: Rendered Argo: definitions, and the controller's role.
        upstream: Rendered Pipelines: definitions, and the servers' roles.
        clients: How steps reach the platform's other applications.
        policy: Bounds of runs.
        replicas: Pods of the API server.
        server: Requests and limits of the API server.
        controller: Requests and limits of the workflow controller; its memory grows with the runs it keeps.
        gateway_crds: The Gateway API's definitions.
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


class Pipelines(pulumi.ComponentResource):
    """Pipelines in the namespace `kubeflow`, servers and runs alike.

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
        place = space(names.NAMESPACE, child)

        def scope(application: str) -> Scope:
            return Scope(application=application, namespace=place, base=child)

        crds = [self._crds(rendered, substrate) for rendered in (args.argo, args.upstream)]
        keys = [runs.KEYS] if runs.has_static_keys(substrate) else []
        roles = Manifests(
            f"{name}-rights",
            ManifestsArgs(
                objects=rights.objects([*args.argo.objects, *args.upstream.objects], keys), namespace=names.NAMESPACE
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[place.resource])),
        )
        ground = [*crds, roles, *runs.declare(scope(name), substrate, args.clients, args.policy)]
        agents.metadata(scope(names.METADATA), substrate)
        agents.workflow_controller(scope(names.WORKFLOW_CONTROLLER), substrate, args.policy, args.controller, ground)
        server = api_server.declare(scope(names.API_SERVER), substrate, args.replicas, args.server, ground)
        agents.persistence_agent(scope(names.PERSISTENCE_AGENT), substrate, args.policy, [server])
        agents.scheduler(scope(names.SCHEDULER), substrate, [server])
        isolation.declare(scope(name))
        access.declare(scope(name), substrate.gateway.base_url, args.gateway_crds, server)
        self.namespace, self.url = names.NAMESPACE, names.URL
        self.register_outputs({"url": self.url})

    def _crds(self, rendered: Rendered, substrate: Substrate) -> CrdBundle:
        return CrdBundle(
            f"{rendered.name}-crds",
            CrdBundleArgs(
                version=rendered.version,
                sha256=rendered.crds_sha256,
                path=str(rendered.crds_path),
                kubeconfig=substrate.kubeconfig,
            ),
            # Definitions go to the cluster by themselves, but not before whoever wants to may.
            pulumi.ResourceOptions(parent=self, depends_on=[substrate.kubernetes]),
        )
