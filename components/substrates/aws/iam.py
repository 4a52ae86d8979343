"""IAM policy documents as data, and roles for AWS services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of an identity policy.

    Attributes:
        actions: Actions, such as `s3:GetObject`.
        resources: ARNs.
        conditions: Condition block.
    """

    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def render(self) -> dict[str, Any]:
        """Return the statement of an identity policy."""
        rendered: dict[str, Any] = {
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": list(self.resources),
        }
        return {**rendered, "Condition": self.conditions} if self.conditions else rendered


def document(statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
    """Return a policy document as JSON; values may be Pulumi inputs."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def policy(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return an identity policy."""
    return document([statement.render() for statement in statements])


def service_trust(site: Site, service: str) -> pulumi.Output[str]:
    """Return a trust policy for an AWS service, for this account only (prevents the confused deputy problem)."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": site.account}},
            }
        ]
    )


def plain_service_trust(service: str) -> pulumi.Output[str]:
    """Return a trust policy for a service that sends no source account (EC2, EKS control plane)."""
    return document([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])


def pod_identity_trust(site: Site, cluster: str) -> pulumi.Output[str]:
    """Return a trust policy for the pods of one cluster, through EKS Pod Identity."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": site.account},
                    "ArnEquals": {"aws:SourceArn": site.arn("eks", f"cluster/{cluster}")},
                },
            }
        ]
    )


def service_role(
    name: str,
    role_name: str,
    trust: pulumi.Input[str],
    managed: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
    """Declare a role with AWS managed policies, each given as the part of its ARN after `policy/`."""
    role = aws.iam.Role(name, name=role_name, assume_role_policy=trust, opts=opts)
    attachments = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[-1]}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in managed
    ]
    return role, attachments
