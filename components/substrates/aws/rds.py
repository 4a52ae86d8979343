"""One RDS server: in the database subnets, encrypted, backed up, reached over TLS by the cluster's nodes only."""

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
from components.substrates.aws.site import Site
from components.substrates.aws.snapshots import final_snapshot

ADMIN = "administrator"
CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
BACKUP_WINDOW = "02:00-03:00"
MAINTENANCE_WINDOW = "sun:03:30-sun:04:30"
"""Both in UTC; they may not overlap."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A database engine on RDS.

    Attributes:
        name: RDS' name of it.
        port: TCP port.
        logs: Logs that go to CloudWatch.
        parameters: Parameters that make it safe.
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
    """What settings say about one server.

    Attributes:
        version: Major version (Postgres `17`, MySQL `8.4`); minor ones come in the maintenance window.
        instance_class: Such as `db.m7g.large`.
        storage_gib: Storage at creation, in GiB.
        max_storage_gib: Storage up to which it grows by itself, in GiB.
        multi_az: Whether a standby waits in another zone.
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
        site: Where.
        engine: What runs.
        size: How large, how available.
        vpc_id: The VPC.
        subnets: Database subnets.
        node_security_group: Security group that may connect.
        key_arn: Key that encrypts storage, insights and the administrator's password.
        authorities: Certificates (PEM) of the region's authorities, CERTIFICATE_AUTHORITY's among them.
        retention: How its logs are kept.
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
    """The server.

    Attributes:
        host: DNS name.
        admin_password: Password of ADMIN, a secret.
        instance: The server itself.
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
            # A new major version is a new group beside the old one, which the server leaves only then.
            name=f"{identifier}-{family.replace('.', '-')}",
            family=family,
            description=f"TLS only, for {site.prefix}",
            parameters=[{"name": key, "value": value} for key, value in sorted(engine.parameters.items())],
            # Never the old one first: a group that the server still uses cannot be deleted.
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
        # RDS would make the groups itself, unencrypted and without an end.
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
            # Where data is protected, what restarts or fails over the server waits for the maintenance window.
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
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name,
            name=identifier,
            description=f"{args.engine.name} from the cluster's nodes",
            vpc_id=args.vpc_id,
            tags={"Name": identifier},
            opts=child,
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            description=f"{args.engine.name} from nodes",
            referenced_security_group_id=args.node_security_group,
            ip_protocol="tcp",
            from_port=args.engine.port,
            to_port=args.engine.port,
            opts=child,
        )
        return group.id
