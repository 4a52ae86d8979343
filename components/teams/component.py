"""The space of a team: its namespace with quota, limits, ServiceAccounts, keys of the object store and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube
from components.kubernetes.objects import Scope, restricted_namespace
from components.substrates.contract import Substrate
from components.substrates.requests import BUCKET_PURPOSES
from components.teams.team import IDENTITIES, Identity, Quota, Team

PODS = 100
"""Pods of a team that have not ended; a node of the embedded cluster runs at most 110."""

CLAIMS = 50
"""PersistentVolumeClaims of a team."""

PLATFORM = "platform"
"""ConfigMap with every address and name that a team's pod needs."""


@dataclass(frozen=True, kw_only=True)
class TeamSpaceArgs:
    """Arguments of `TeamSpace`.

    Attributes:
        substrate: Substrate that the namespace is on.
        team: The team.
        defaults: Requests and limits of containers that set none.
        environment: Variables of the ConfigMap `platform` that applications add, without secrets.
    """

    substrate: Substrate
    team: Team
    defaults: kube.Resources
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def object_store_secret(identity: Identity) -> str:
    """Return the name of the Secret with an identity's access to the object store."""
    return f"object-store-{identity}"


def hard_limits(quota: Quota) -> dict[str, str]:
    """Return the limits of the ResourceQuota. A team has no Service that is reachable from outside the cluster."""
    return {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "requests.nvidia.com/gpu": str(quota.gpu),
        "requests.storage": quota.volumes,
        "persistentvolumeclaims": str(CLAIMS),
        "pods": str(PODS),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def settings(
    substrate: Substrate, team: Team, environment: Mapping[str, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]]:
    """Return the ConfigMap `platform`: every address and name that a pod of the team needs, without secrets."""
    buckets = {f"{p.upper()}_BUCKET": substrate.object_store.buckets[p] for p in BUCKET_PURPOSES}
    access = [substrate.object_store.access.get(team.access(identity)) for identity in IDENTITIES]
    return {
        "PLATFORM_ENVIRONMENT": substrate.environment,
        "TEAM": team.name,
        "GATEWAY_URL": substrate.gateway.base_url,
        "SERVING_NAMESPACE": team.namespace,
        **buckets,
        # The address of the object store is the same for every identity.
        **next((found.environment for found in access if found), {}),
        **environment,
    }


class TeamSpace(pulumi.ComponentResource):
    """Namespace of a team with everything that does not depend on an application.

    Attributes:
        team: The team.
        namespace: Its namespace.
        scope: Declares objects in the namespace; the names of their resources begin with the team's name.
        settings: Content of the ConfigMap `platform`.
    """

    team: Team
    namespace: str
    scope: Scope
    settings: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, args: TeamSpaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:teams:TeamSpace", name, None, opts)
        substrate, team = args.substrate, args.team
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        place = restricted_namespace(team.namespace, child)
        self.team, self.namespace = team, team.namespace
        self.scope = Scope(application=team.name, namespace=place, base=child, prefix=f"{team.name}-")
        self._quota(team.quota)
        container_defaults(f"{team.name}-defaults", self.scope, args.defaults, most_memory=team.quota.memory)
        for identity in IDENTITIES:
            self._identity(substrate, identity)
        self.settings = settings(substrate, team, args.environment)
        self.scope.config_map(PLATFORM, self.settings)
        self.register_outputs({"namespace": self.namespace})

    def _quota(self, quota: Quota) -> None:
        k8s.core.v1.ResourceQuota(
            f"{self.team.name}-quota",
            metadata=self.scope.metadata("quota"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=hard_limits(quota)),
            opts=self.scope.opts,
        )

    def _identity(self, substrate: Substrate, identity: Identity) -> None:
        access = substrate.object_store.access.get(self.team.access(identity))
        secrets = []
        if access is not None:
            data: Mapping[str, pulumi.Input[str]] = {**access.environment, **access.secret_environment}
            secrets.append(self.scope.secret(object_store_secret(identity), data).metadata.name)
        # KServe looks for the keys of predictors in the Secrets of their ServiceAccount.
        self.scope.service_account(identity, secrets=secrets if identity == "serving" else ())


def container_defaults(
    resource: str, scope: Scope, defaults: kube.Resources, *, most_memory: str | None = None
) -> k8s.core.v1.LimitRange:
    """Declare the LimitRange `resource`: requests and limits of containers that set none.

    Args:
        resource: Name of the resource.
        scope: Its namespace.
        defaults: The requests and limits.
        most_memory: Highest memory limit of a container; None for no highest one.
    """
    return k8s.core.v1.LimitRange(
        resource,
        metadata=scope.metadata("defaults"),
        spec=k8s.core.v1.LimitRangeSpecArgs(
            limits=[
                k8s.core.v1.LimitRangeItemArgs(
                    type="Container",
                    default_request={"cpu": defaults.cpu, "memory": defaults.memory},
                    default={"cpu": defaults.cpu_limit, "memory": defaults.memory_limit},
                    max=None if most_memory is None else {"memory": most_memory},
                )
            ]
        ),
        opts=scope.opts,
    )
