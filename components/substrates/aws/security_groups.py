"""Security groups of data stores and endpoints."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def security_group(
    name: str,
    title: str,
    vpc_id: pulumi.Input[str],
    *,
    port: int,
    description: str,
    ingress: str,
    opts: pulumi.ResourceOptions,
    source_group: pulumi.Input[str] | None = None,
    source_cidr: str | None = None,
) -> aws.ec2.SecurityGroup:
    """Declare a security group that admits one source to one TCP port.

    Args:
        name: Name of the resources.
        title: Name of the security group.
        vpc_id: The VPC.
        port: TCP port.
        description: Description of the group. A change replaces it.
        ingress: Description of the rule.
        opts: Options of the resources.
        source_group: Security group that may connect.
        source_cidr: CIDR that may connect, in place of `source_group`.
    """
    group = aws.ec2.SecurityGroup(
        name, name=title, description=description, vpc_id=vpc_id, tags={"Name": title}, opts=opts
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        description=ingress,
        referenced_security_group_id=source_group,
        cidr_ipv4=source_cidr,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=opts,
    )
    return group
