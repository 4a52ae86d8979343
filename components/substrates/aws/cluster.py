"""EKS control plane: network access, permissions, encryption and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.kubeconfig import kubeconfig
from components.substrates.aws.logs import LogRetention, log_group
from components.substrates.aws.site import Site

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Arguments of `Cluster`.

    Attributes:
        site: Account, region and names.
        name: Name of the cluster.
        version: Kubernetes version, major and minor.
        subnets: Private subnets, in at least two zones.
        service_cidr: CIDR of Services.
        public_cidrs: CIDRs that may reach the API server from outside the VPC; empty keeps it private.
        administrators: ARNs of IAM roles with full access; the role that runs the update must be among them.
        key_arn: Key that encrypts Secrets.
        retention: Retention and encryption of the control plane's logs.
    """

    site: Site
    name: str
    version: str
    subnets: Sequence[pulumi.Input[str]]
    service_cidr: str
    public_cidrs: Sequence[str]
    administrators: Sequence[str]
    key_arn: pulumi.Input[str]
    retention: LogRetention


class Cluster(pulumi.ComponentResource):
    """The control plane and access to it.

    Attributes:
        name: Name of the cluster, known before the cluster exists.
        resource_name: The same name as an output of the cluster; resources that use it wait for the cluster.
        security_group: Security group of the control plane and of the nodes.
        kubeconfig: Content of a kubeconfig.
        access: Resources that must exist before anybody can use the API.
    """

    name: str
    resource_name: pulumi.Output[str]
    security_group: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    access: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        site = args.site
        # Declared first, because EKS would otherwise create the group itself, unencrypted and without expiry.
        logs = log_group(f"{name}-logs", f"/aws/eks/{args.name}/cluster", args.retention, child)
        role, granted = iam.service_role(
            f"{name}-control-plane",
            site.name("control-plane"),
            iam.plain_service_trust("eks.amazonaws.com"),
            ["AmazonEKSClusterPolicy"],
            child,
        )
        encrypt = iam.Statement(
            actions=["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"], resources=[args.key_arn]
        )
        envelope = aws.iam.RolePolicy(
            f"{name}-envelope", name="envelope-encryption", role=role.name, policy=iam.policy([encrypt]), opts=child
        )
        cluster = aws.eks.Cluster(
            name,
            name=args.name,
            version=args.version,
            role_arn=role.arn,
            # Add-ons are separate resources, with their own versions and settings.
            bootstrap_self_managed_addons=False,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            deletion_protection=site.protect,
            enabled_cluster_log_types=list(LOGS),
            encryption_config={"provider": {"key_arn": args.key_arn}, "resources": ["secrets"]},
            kubernetes_network_config={"service_ipv4_cidr": args.service_cidr, "ip_family": "ipv4"},
            upgrade_policy={"support_type": "STANDARD"},
            vpc_config={
                "subnet_ids": list(args.subnets),
                "endpoint_private_access": True,
                "endpoint_public_access": bool(args.public_cidrs),
                **({"public_access_cidrs": list(args.public_cidrs)} if args.public_cidrs else {}),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs, envelope, *granted], protect=site.protect),
        )
        self.name, self.resource_name = args.name, cluster.name
        self.security_group = cluster.vpc_config.cluster_security_group_id
        self.access = [access for arn in args.administrators for access in self._administrator(name, arn, cluster)]
        self.kubeconfig = pulumi.Output.all(
            endpoint=cluster.endpoint, authority=cluster.certificate_authority.data
        ).apply(
            lambda found: kubeconfig(
                cluster=args.name,
                region=site.region,
                endpoint=found["endpoint"],
                certificate_authority=found["authority"],
            )
        )
        self.register_outputs({"name": self.name})

    def _administrator(self, name: str, arn: str, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
        label = f"{name}-{arn.rpartition('/')[-1]}"
        child = pulumi.ResourceOptions(parent=self)
        entry = aws.eks.AccessEntry(label, cluster_name=cluster.name, principal_arn=arn, type="STANDARD", opts=child)
        association = aws.eks.AccessPolicyAssociation(
            label,
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=ADMIN_POLICY,
            access_scope={"type": "cluster"},
            opts=child,
        )
        return [entry, association]
