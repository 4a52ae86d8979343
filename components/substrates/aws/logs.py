"""CloudWatch log groups with encryption and expiry."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class LogRetention:
    """Retention and encryption of logs.

    Attributes:
        days: Days after which they expire.
        key_arn: Key that encrypts them.
    """

    days: int
    key_arn: pulumi.Input[str]


def log_group(
    name: str, group_name: str, retention: LogRetention, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """Declare a log group."""
    return aws.cloudwatch.LogGroup(
        name, name=group_name, retention_in_days=retention.days, kms_key_id=retention.key_arn, opts=opts
    )
