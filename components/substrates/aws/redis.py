"""Online store on ElastiCache: TLS and AUTH, with replicas and automatic failover as settings require."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kubernetes.objects import password
from components.substrates.aws.credentials import stored
from components.substrates.aws.logs import LogRetention, log_group
from components.substrates.aws.security_groups import security_group
from components.substrates.aws.site import Site
from components.substrates.aws.snapshots import final_snapshot
from components.substrates.contract import Redis as RedisAccess

PORT = 6379
SNAPSHOT_WINDOW = "02:00-03:00"
MAINTENANCE_WINDOW = "sun:03:30-sun:04:30"
LOGS = ("slow-log", "engine-log")


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """Arguments of `Redis`.

    Attributes:
        site: Account, region and names.
        version: Redis version, major and minor.
        node_type: Node type, such as `cache.m7g.large`.
        replicas: Replicas of the primary; with at least one, failover is automatic and across zones.
        snapshot_days: Retention of daily snapshots in days.
        vpc_id: The VPC.
        subnets: Database subnets.
        node_security_group: Security group that may connect.
        key_arn: Key that encrypts data at rest and the stored AUTH token.
        retention: Retention and encryption of its logs.
    """

    site: Site
    version: str
    node_type: str
    replicas: int
    snapshot_days: int
    vpc_id: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    node_security_group: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    retention: LogRetention


class Redis(pulumi.ComponentResource):
    """One replication group without sharding."""

    access: RedisAccess

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Redis", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        site, title = args.site, args.site.name("redis")
        token = password(name, child)
        stored(name, "redis", site, args.key_arn, {"auth_token": token}, child)
        subnets = aws.elasticache.SubnetGroup(
            name,
            name=title,
            description=f"Database subnets of {site.prefix}",
            subnet_ids=list(args.subnets),
            opts=child,
        )
        family = f"redis{args.version.split('.')[0]}"
        parameters = aws.elasticache.ParameterGroup(
            name,
            name=f"{title}-{family}",
            family=family,
            description=f"Never evict, for {site.prefix}",
            # An evicted feature row would look like an unknown entity and silently cause a wrong prediction.
            parameters=[{"name": "maxmemory-policy", "value": "noeviction"}],
            # Create the new group first: a group that the servers still use cannot be deleted.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=False),
        )
        logs = {
            kind: log_group(f"{name}-{kind}", f"/{site.prefix}/redis/{kind}", args.retention, child) for kind in LOGS
        }
        group = aws.elasticache.ReplicationGroup(
            name,
            replication_group_id=title,
            description=f"Online store of {site.prefix}",
            engine="redis",
            engine_version=args.version,
            node_type=args.node_type,
            num_cache_clusters=1 + args.replicas,
            automatic_failover_enabled=args.replicas > 0,
            multi_az_enabled=args.replicas > 0,
            port=PORT,
            at_rest_encryption_enabled=True,
            kms_key_id=args.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=token,
            auth_token_update_strategy="ROTATE",  # noqa: S106 - no token
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[self._security_group(name, title, args)],
            # Where data is protected, changes that fail over the primary wait for the maintenance window.
            apply_immediately=not site.protect,
            auto_minor_version_upgrade=True,
            maintenance_window=MAINTENANCE_WINDOW,
            snapshot_window=SNAPSHOT_WINDOW,
            snapshot_retention_limit=args.snapshot_days,
            final_snapshot_identifier=final_snapshot(name, site, title, child),
            log_delivery_configurations=[
                {
                    "log_type": kind,
                    "log_format": "json",
                    "destination_type": "cloudwatch-logs",
                    "destination": group.name,
                }
                for kind, group in logs.items()
            ],
            opts=pulumi.ResourceOptions(parent=self, protect=site.protect),
        )
        self.access = RedisAccess(
            host=group.primary_endpoint_address, port=PORT, password=token, tls=True, requires=[group]
        )
        self.register_outputs({})

    def _security_group(self, name: str, title: str, args: RedisArgs) -> pulumi.Output[str]:
        return security_group(
            name,
            title,
            args.vpc_id,
            port=PORT,
            description="Redis from the cluster's nodes",
            ingress="Redis from nodes",
            source_group=args.node_security_group,
            opts=pulumi.ResourceOptions(parent=self),
        ).id
