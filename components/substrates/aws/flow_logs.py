"""Flow logs of the VPC, in an encrypted log group."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.logs import LogRetention, log_group
from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """Arguments of `FlowLogs`.

    Attributes:
        site: Account, region and names.
        vpc_id: The VPC.
        retention: Retention and encryption of the logs.
    """

    site: Site
    vpc_id: pulumi.Input[str]
    retention: LogRetention


class FlowLogs(pulumi.ComponentResource):
    """Accepted and rejected connections of the VPC, aggregated every minute."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group_name = f"/{args.site.prefix}/flow-logs"
        group = log_group(name, group_name, args.retention, child)
        role = aws.iam.Role(
            name,
            name=args.site.name("flow-logs"),
            assume_role_policy=iam.service_trust(args.site, "vpc-flow-logs.amazonaws.com"),
            opts=child,
        )
        write = iam.Statement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            resources=[args.site.arn("logs", f"log-group:{group_name}:*")],
        )
        # Flow logs find their log group by a search over all groups.
        find = iam.Statement(actions=["logs:DescribeLogGroups"], resources=["*"])
        granted = aws.iam.RolePolicy(name, name="write", role=role.name, policy=iam.policy([write, find]), opts=child)
        aws.ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags={"Name": args.site.name("flow-logs")},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted]),
        )
        self.register_outputs({})
