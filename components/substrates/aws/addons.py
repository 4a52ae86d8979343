"""EKS add-ons: those that nodes need before they join, and those that run on nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.cluster import Cluster
from components.substrates.aws.identity import PodRole, PodRoleArgs
from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One EKS add-on.

    Attributes:
        name: AWS's name of the add-on.
        settings: Its configuration values.
        service_account: `namespace/name` of the ServiceAccount that needs access to AWS; None without access.
        statements: Permissions of the ServiceAccount.
        managed: AWS managed policies, in addition to `statements`.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    service_account: str | None = None
    statements: Sequence[iam.Statement] = ()
    managed: Sequence[str] = ()


BEFORE_NODES = (
    Addon(
        name="vpc-cni",
        # With prefix delegation, memory limits the number of pods on a node, not the number of addresses.
        settings={
            "enableNetworkPolicy": "true",
            "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
        },
        service_account="kube-system/aws-node",
        managed=["AmazonEKS_CNI_Policy"],
    ),
    Addon(name="kube-proxy"),
    Addon(name="eks-pod-identity-agent"),
)


def after_nodes(tags: Mapping[str, str]) -> tuple[Addon, ...]:
    """Return the add-ons that run on nodes; volumes that the CSI driver creates get `tags`."""
    return (
        Addon(name="coredns", settings={"autoScaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 8}}),
        Addon(
            name="aws-ebs-csi-driver",
            settings={"controller": {"extraVolumeTags": dict(tags)}, "defaultStorageClass": {"enabled": False}},
            service_account="kube-system/ebs-csi-controller-sa",
            managed=["service-role/AmazonEBSCSIDriverPolicy"],
        ),
        Addon(
            name="aws-efs-csi-driver",
            service_account="kube-system/efs-csi-controller-sa",
            managed=["service-role/AmazonEFSCSIDriverPolicy"],
        ),
        Addon(name="metrics-server"),
    )


def external_dns(zone_id: str, owner: str) -> Addon:
    """Return the add-on that maintains the DNS records of annotated Services in one hosted zone.

    Args:
        zone_id: The hosted zone; the add-on may change no other.
        owner: Mark of its records, so that it leaves alone the records of other clusters in the zone.
    """
    return Addon(
        name="external-dns",
        settings={
            # By id, because a domain filter must name the zone and does not match a host inside the zone.
            "extraArgs": [f"--zone-id-filter={zone_id}"],
            "policy": "sync",
            "registry": "txt",
            "sources": ["service"],
            "txtOwnerId": owner,
        },
        service_account="external-dns/external-dns",
        statements=[
            iam.Statement(
                actions=[
                    "route53:ChangeResourceRecordSets",
                    "route53:ListResourceRecordSets",
                    "route53:ListTagsForResources",
                ],
                resources=[f"arn:aws:route53:::hostedzone/{zone_id}"],
            ),
            # Route 53 has no resource-level permissions for listing zones.
            iam.Statement(actions=["route53:ListHostedZones"], resources=["*"]),
        ],
    )


@dataclass(frozen=True, kw_only=True)
class AddonsArgs:
    """Arguments of `Addons`.

    Attributes:
        site: Account, region and names.
        cluster: The cluster.
        addons: Add-ons to install.
        versions: Version by add-on; by default AWS's default for the cluster's Kubernetes version.
        requires: Resources that must exist first.
    """

    site: Site
    cluster: Cluster
    addons: Sequence[Addon]
    versions: Mapping[str, str]
    requires: Sequence[pulumi.Resource] = ()


class Addons(pulumi.ComponentResource):
    """A group of add-ons of a cluster.

    Attributes:
        resources: The add-ons; ready when the add-ons are.
    """

    resources: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Addons", name, None, opts)
        self.resources = [self._addon(addon, args) for addon in args.addons]
        self.register_outputs({})

    def _addon(self, addon: Addon, args: AddonsArgs) -> pulumi.Resource:
        requires = list(args.requires)
        if addon.service_account is not None:
            namespace, _, account = addon.service_account.partition("/")
            role = PodRole(
                addon.name,
                PodRoleArgs(
                    site=args.site,
                    cluster=args.cluster.name,
                    cluster_name=args.cluster.resource_name,
                    namespace=namespace,
                    service_account=account,
                    statements=addon.statements,
                    managed=addon.managed,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            requires.append(role.association)
        return aws.eks.Addon(
            addon.name,
            addon_name=addon.name,
            addon_version=args.versions.get(addon.name),
            cluster_name=args.cluster.resource_name,
            configuration_values=pulumi.Output.json_dumps(addon.settings, sort_keys=True) if addon.settings else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=requires),
        )
