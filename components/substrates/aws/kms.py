"""KMS keys, rotated every year, each with a policy that names its users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.site import Site

USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")

ROTATION_DAYS = 365
DELETION_DAYS = 30
"""The longest waiting period of KMS: when a key is deleted, all data encrypted with it is lost."""


def administrators(site: Site) -> dict[str, Any]:
    """Return the statement that delegates permissions on the key to the account's IAM policies."""
    return {
        "Sid": "AccountPolicies",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{site.account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def through_services(site: Site, services: Sequence[str]) -> list[dict[str, Any]]:
    """Return statements that let principals of this account use the key only through the given AWS services.

    The policies of AWS's own keys (`aws/ebs`) do the same. Naming the service-linked role of Auto Scaling instead would
    fail in an account in which that role does not exist yet.
    """
    via = {
        "StringEquals": {
            "kms:CallerAccount": site.account,
            "kms:ViaService": sorted(f"{service}.{site.region}.amazonaws.com" for service in services),
        }
    }
    use = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": "*"}
    return [
        {**use, "Sid": "UseThroughServices", "Action": sorted(USE), "Condition": via},
        {
            **use,
            "Sid": "GrantsOfServices",
            "Action": ["kms:CreateGrant"],
            "Condition": {**via, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


def log_groups(site: Site) -> dict[str, Any]:
    """Return the statement that lets CloudWatch Logs encrypt this account's log groups."""
    return {
        "Sid": "LogGroups",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{site.region}.amazonaws.com"},
        "Action": sorted(USE),
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": site.arn("logs", "log-group:*")}},
    }


@dataclass(frozen=True, kw_only=True)
class KeyArgs:
    """Arguments of `Key`.

    Attributes:
        site: Account, region and names.
        purpose: Data that the key encrypts; the alias is `alias/<prefix>-<purpose>`.
        statements: Statements in addition to the one for the account's IAM policies.
    """

    site: Site
    purpose: str
    statements: Sequence[Mapping[str, Any]] = ()


class Key(pulumi.ComponentResource):
    """One symmetric key and its alias."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Key", name, None, opts)
        key = aws.kms.Key(
            name,
            description=f"{args.site.prefix}: {args.purpose}",
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION_DAYS,
            # While deletion of the key can be cancelled, final snapshots are readable.
            deletion_window_in_days=DELETION_DAYS if args.site.protect or args.site.final_snapshots else 7,
            policy=iam.document([administrators(args.site), *args.statements]),
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        aws.kms.Alias(
            name,
            name=f"alias/{args.site.name(args.purpose)}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


class Keys(pulumi.ComponentResource):
    """The environment's keys, one for each kind of data, so that access to one kind gives no access to another.

    Attributes:
        cluster: Kubernetes Secrets in etcd.
        volumes: Volumes of nodes and pods, and the shared file system.
        data: Databases, online store, object storage, images and stored credentials.
        logs: Log groups.
    """

    cluster: pulumi.Output[str]
    volumes: pulumi.Output[str]
    data: pulumi.Output[str]
    logs: pulumi.Output[str]

    def __init__(self, name: str, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Keys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def key(purpose: str, *statements: Mapping[str, Any]) -> pulumi.Output[str]:
            return Key(f"{name}-{purpose}", KeyArgs(site=site, purpose=purpose, statements=statements), child).arn

        self.cluster = key("cluster")
        self.volumes = key("volumes", *through_services(site, ["ec2", "elasticfilesystem"]))
        self.data = key("data")
        self.logs = key("logs", log_groups(site))
        self.register_outputs({})
