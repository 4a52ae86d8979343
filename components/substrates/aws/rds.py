"""One RDS server in the database subnets: encrypted, backed up, reachable over TLS from the cluster's nodes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.kubernetes.objects import password
from components.substrates.aws import iam
from components.substrates.aws.credentials import stored
from components.substrates.aws.logs import LogRetention, log_group
from components.substrates.aws.security_groups import security_group
from components.substrates.aws.site import Site
from components.substrates.aws.snapshots import final_snapshot

ADMIN = "administrator"
CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
BACKUP_WINDOW = "02:00-03:00"
MAINTENANCE_WINDOW = "sun:03:30-sun:04:30"
"""Daily backup and weekly maintenance in UTC; the two windows must not overlap."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A database engine on RDS.

    Attributes:
        name: Name of the engine on RDS.
        port: TCP port.
        logs: Logs that are exported to CloudWatch.
        parameters: Parameters that enforce TLS and logging.
    """

    name: Literal["postgres", "mysql"]
    port: int
    logs: Sequence[str]
    parameters: Mapping[str, str]

    def family(self, version: str) -> str:
        """Return the parameter group family of a version: `postgres17`, `mysql8.4`."""
        parts = version.split(".")
        return f"postgres{parts[0]}" if self.name == "postgres" else f"mysql{'.'.join(parts[:2])}"


@dataclass(frozen=True, kw_only=True)
class ServerSize:
    """Version, size and availability of one server, from settings.

    Attributes:
        version: Major version (Postgres `17`, MySQL `8.4`); RDS installs minor versions in the maintenance window.
        instance_class: Instance class, such as `db.m7g.large`.
        storage_gib: Storage at creation, in GiB.
        max_storage_gib: Limit up to which RDS grows the storage, in GiB.
        multi_az: Whether there is a standby in another zone.
        backup_days: Days of point-in-time recovery.
    """

    version: str
    instance_class: str
    storage_gib: int
    max_storage_gib: int
    multi_az: bool
    backup_days: int


@dataclass(frozen=True, kw_only=True)
class RdsServerArgs:
    """Arguments of `RdsServer`.

    Attributes:
        site: Account, region and names.
        engine: Database engine.
        size: Version, size and availability.
        vpc_id: The VPC.
        subnets: Database subnets.
        node_security_group: Security group that may connect.
        key_arn: Key that encrypts storage, insights and the administrator's password.
        authorities: Certificates (PEM) of the region's authorities, with that of CERTIFICATE_AUTHORITY.
        retention: Retention and encryption of its logs.
    """

    site: Site
    engine: Engine
    size: ServerSize
    vpc_id: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    node_security_group: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    authorities: str
    retention: LogRetention


class RdsServer(pulumi.ComponentResource):
    """One database server.

    Attributes:
        host: DNS name.
        admin_password: Password of ADMIN, a secret.
        instance: The RDS instance.
    """

    host: pulumi.Output[str]
    admin_password: pulumi.Output[str]
    instance: pulumi.Resource

    def __init__(self, name: str, args: RdsServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:RdsServer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        site, engine, size = args.site, args.engine, args.size
        identifier = site.name(engine.name)
        self.admin_password = password(f"{name}-admin", child)
        credentials = {"username": ADMIN, "password": self.admin_password}
        stored(f"{name}-admin", f"{engine.name}-admin", site, args.key_arn, credentials, child)
        subnets = aws.rds.SubnetGroup(
            name,
            name=identifier,
            description=f"Database subnets of {site.prefix}",
            subnet_ids=list(args.subnets),
            opts=child,
        )
        family = engine.family(size.version)
        parameters = aws.rds.ParameterGroup(
            name,
            # A new major version creates a new group; the server switches to it during the upgrade.
            name=f"{identifier}-{family.replace('.', '-')}",
            family=family,
            description=f"TLS only, for {site.prefix}",
            parameters=[{"name": key, "value": value} for key, value in sorted(engine.parameters.items())],
            # Create the new group first: a group that the server still uses cannot be deleted.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=False),
        )
        self.instance, self.host = self._instance(name, identifier, args, subnets, parameters)
        self.register_outputs({"host": self.host})

    def _instance(
        self,
        name: str,
        identifier: str,
        args: RdsServerArgs,
        subnets: aws.rds.SubnetGroup,
        parameters: aws.rds.ParameterGroup,
    ) -> tuple[aws.rds.Instance, pulumi.Output[str]]:
        site, engine, size = args.site, args.engine, args.size
        child = pulumi.ResourceOptions(parent=self)
        # RDS would otherwise create the groups itself, unencrypted and without expiry.
        logs = [
            log_group(f"{name}-{log}", f"/aws/rds/instance/{identifier}/{log}", args.retention, child)
            for log in engine.logs
        ]
        monitoring, granted = iam.service_role(
            f"{name}-monitoring",
            site.name(f"{engine.name}-monitoring"),
            iam.service_trust(site, "monitoring.rds.amazonaws.com"),
            ["service-role/AmazonRDSEnhancedMonitoringRole"],
            child,
        )
        instance = aws.rds.Instance(
            name,
            identifier=identifier,
            engine=engine.name,
            engine_version=size.version,
            instance_class=size.instance_class,
            storage_type="gp3",
            allocated_storage=size.storage_gib,
            max_allocated_storage=size.max_storage_gib,
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            username=ADMIN,
            password=self.admin_password,
            port=engine.port,
            db_subnet_group_name=subnets.name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=[self._security_group(name, identifier, args)],
            publicly_accessible=False,
            ca_cert_identifier=CERTIFICATE_AUTHORITY,
            multi_az=size.multi_az,
            backup_retention_period=size.backup_days,
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            # Where data is protected, changes that restart or fail over the server wait for the maintenance window.
            apply_immediately=not site.protect,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not site.final_snapshots,
            deletion_protection=site.protect,
            skip_final_snapshot=not site.final_snapshots,
            final_snapshot_identifier=final_snapshot(name, site, identifier, child),
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key_arn,
            performance_insights_retention_period=7,
            monitoring_interval=60,
            monitoring_role_arn=monitoring.arn,
            enabled_cloudwatch_logs_exports=list(engine.logs),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=site.protect,
                depends_on=[*logs, *granted],
            ),
        )
        return instance, instance.address

    def _security_group(self, name: str, identifier: str, args: RdsServerArgs) -> pulumi.Output[str]:
        return security_group(
            name,
            identifier,
            args.vpc_id,
            port=args.engine.port,
            description=f"{args.engine.name} from the cluster's nodes",
            ingress=f"{args.engine.name} from nodes",
            source_group=args.node_security_group,
            opts=pulumi.ResourceOptions(parent=self),
        ).id
