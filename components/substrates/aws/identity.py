"""Workload identity: one IAM role per ServiceAccount, assigned by EKS Pod Identity, without static keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class PodRoleArgs:
    """Arguments of `PodRole`.

    Attributes:
        site: Account, region and names.
        cluster: Name of the cluster as a plain string, for the trust policy.
        cluster_name: The same name as an output of the cluster, so that the association waits for the cluster.
        namespace: Namespace of the ServiceAccount.
        service_account: ServiceAccount whose pods get the role.
        statements: Permissions of the role.
        managed: AWS managed policies, each given as the part of its ARN after `policy/`.
    """

    site: Site
    cluster: str
    cluster_name: pulumi.Input[str]
    namespace: str
    service_account: str
    statements: Sequence[iam.Statement] = ()
    managed: Sequence[str] = ()


class PodRole(pulumi.ComponentResource):
    """A role that exactly one ServiceAccount of one cluster can take."""

    arn: pulumi.Output[str]
    association: aws.eks.PodIdentityAssociation

    def __init__(self, name: str, args: PodRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:PodRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role, granted = iam.service_role(
            name, args.site.role_name(name), iam.pod_identity_trust(args.site, args.cluster), args.managed, child
        )
        grants: list[pulumi.Resource] = [*granted]
        if args.statements:
            grants.append(
                aws.iam.RolePolicy(name, name=name, role=role.name, policy=iam.policy(args.statements), opts=child)
            )
        # After the role's permissions, so that a pod never starts with a role that still lacks them.
        self.association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=grants),
        )
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
