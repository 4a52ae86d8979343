"""Rules on audit logs, access logs, flow logs and budgets."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import entries

CONTROL_PLANE = {"api", "audit", "authenticator", "controllerManager", "scheduler"}


@rule(
    "control-plane-logs",
    Area.AUDIT,
    Severity.HIGH,
    "The control plane keeps all of its logs",
    remedy=f"set enabledClusterLogTypes to {', '.join(sorted(CONTROL_PLANE))}",
    types=("aws:eks/cluster:Cluster",),
)
def control_plane_logs(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EKS log types."""
    found = resource.at("enabledClusterLogTypes")
    if found is not UNKNOWN and (missing := CONTROL_PLANE - set(entries(found))):
        yield f"lacks {', '.join(sorted(missing))}"


@rule(
    "network-flow-logs",
    Area.AUDIT,
    Severity.MEDIUM,
    "VPCs log network flows",
    remedy="declare a FlowLog with trafficType ALL or REJECT for the VPC",
    types=("aws:ec2/vpc:Vpc",),
)
def network_flow_logs(resource: Resource, stack: Stack) -> Iterator[str]:
    """VPC flow logs."""
    if not list(stack.about(resource, "aws:ec2/flowLog:FlowLog", "vpcId")):
        yield "no FlowLog"


@rule(
    "logs-expire",
    Area.AUDIT,
    Severity.LOW,
    "Logs are kept for a stated time",
    remedy="set retentionInDays",
    types=("aws:cloudwatch/logGroup:LogGroup",),
)
def logs_expire(resource: Resource, _stack: Stack) -> Iterator[str]:
    """CloudWatch keeps and bills logs without a retention permanently."""
    if not is_set(resource.at("retentionInDays")):
        yield "retentionInDays is not set"


def log_targets(stack: Stack) -> set[object]:
    """Return the names or ids of the buckets that receive access logs."""
    return {other.at("targetBucket") for other in stack.of("aws:s3/bucketLogging:BucketLogging")}


@rule(
    "bucket-access-logs",
    Area.AUDIT,
    Severity.MEDIUM,
    "Buckets log every access",
    remedy="declare a BucketLogging with the bucket for logs as its target",
    types=("aws:s3/bucket:Bucket",),
)
def bucket_access_logs(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 server access logs; the bucket that receives them is exempt, because its log would log itself."""
    logs = list(stack.about(resource, "aws:s3/bucketLogging:BucketLogging", "bucket"))
    if not logs and not {resource.id, resource.at("bucket"), UNKNOWN} & log_targets(stack):
        yield "no BucketLogging"


@rule(
    "databases-log",
    Area.AUDIT,
    Severity.LOW,
    "Databases export their logs and measure slow queries",
    remedy="set enabledCloudwatchLogsExports and performanceInsightsEnabled",
    types=("aws:rds/instance:Instance",),
)
def databases_log(resource: Resource, _stack: Stack) -> Iterator[str]:
    """RDS logs and Performance Insights."""
    if not is_set(resource.at("enabledCloudwatchLogsExports")):
        yield "enabledCloudwatchLogsExports is not set"
    if not is_true(resource.at("performanceInsightsEnabled")):
        yield "performanceInsightsEnabled is not true"


@rule(
    "spending-is-watched",
    Area.AUDIT,
    Severity.MEDIUM,
    "Budgets notify a subscriber before they are spent",
    remedy="give the Budget notifications with a threshold below 100 percent and a subscriber",
    types=("aws:budgets/budget:Budget",),
)
def spending_is_watched(resource: Resource, _stack: Stack) -> Iterator[str]:
    """AWS Budgets."""
    early = [item for item in entries(resource.at("notifications")) if (at(item, "threshold") or 100) < 100]
    subscribers = ("subscriberEmailAddresses", "subscriberSnsTopicArns")
    if not any(is_set(at(item, key)) for item in early for key in subscribers):
        yield "no notification below 100 percent with a subscriber"
