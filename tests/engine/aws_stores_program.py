"""The part of the program of all AWS types that holds data."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.substrates.aws.storage_classes import mounts_with_tls


class Stores:
    """Databases, Redis, file systems, images, secrets, and services of which one type is used."""

    opts: pulumi.ResourceOptions
    subnets: list[aws.ec2.Subnet]
    group: aws.ec2.SecurityGroup
    key: aws.kms.Key

    def __init__(self) -> None:
        self.instance_class = "db.t4g.medium"

    def databases(self) -> None:
        opts = self.opts
        subnets = aws.rds.SubnetGroup("db", name="db", subnet_ids=[subnet.id for subnet in self.subnets], opts=opts)
        parameters = aws.rds.ParameterGroup(
            "db", name="db", family="postgres17", parameters=[{"name": "rds.force_ssl", "value": "1"}], opts=opts
        )
        database = aws.rds.Instance(
            "db",
            identifier="db",
            engine="postgres",
            engine_version="17",
            instance_class=self.instance_class,
            allocated_storage=50,
            max_allocated_storage=200,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=self.key.arn,
            username="administrator",
            password=pulumi.Output.secret("canary-of-the-database"),
            db_subnet_group_name=subnets.name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=[self.group.id],
            multi_az=False,
            backup_retention_period=7,
            backup_window="02:00-03:00",
            maintenance_window="sun:04:00-sun:05:00",
            skip_final_snapshot=True,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=self.key.arn,
            enabled_cloudwatch_logs_exports=["postgresql"],
            publicly_accessible=False,
            opts=opts,
        )
        pulumi.export("address", database.address)

    def redis(self) -> None:
        opts, elasticache = self.opts, aws.elasticache
        subnets = elasticache.SubnetGroup(
            "redis", name="redis", subnet_ids=[subnet.id for subnet in self.subnets], opts=opts
        )
        parameters = elasticache.ParameterGroup(
            "redis",
            name="redis",
            family="redis7",
            parameters=[{"name": "maxmemory-policy", "value": "noeviction"}],
            opts=opts,
        )
        elasticache.ReplicationGroup(
            "redis",
            replication_group_id="redis",
            description="d",
            engine="redis",
            engine_version="7.1",
            node_type="cache.t4g.small",
            num_cache_clusters=2,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            transit_encryption_enabled=True,
            at_rest_encryption_enabled=True,
            kms_key_id=self.key.arn,
            auth_token=pulumi.Output.secret("canary-of-redis-1234"),
            subnet_group_name=subnets.name,
            parameter_group_name=parameters.name,
            security_group_ids=[self.group.id],
            port=6379,
            opts=opts,
        )

    def files_and_images(self) -> None:
        opts = self.opts
        files = aws.efs.FileSystem(
            "files",
            creation_token="files",
            encrypted=True,
            kms_key_id=self.key.arn,
            throughput_mode="elastic",
            lifecycle_policies=[{"transition_to_ia": "AFTER_30_DAYS"}],
            opts=opts,
        )
        aws.efs.FileSystemPolicy("files", file_system_id=files.id, policy=mounts_with_tls(files.arn), opts=opts)
        aws.efs.BackupPolicy("files", file_system_id=files.id, backup_policy={"status": "ENABLED"}, opts=opts)
        aws.efs.MountTarget(
            "files", file_system_id=files.id, subnet_id=self.subnets[0].id, security_groups=[self.group.id], opts=opts
        )
        images = aws.ecr.Repository(
            "images",
            name="mlp/images",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": self.key.arn}],
            opts=opts,
        )
        selection = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
        rules = {"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]}
        aws.ecr.LifecyclePolicy("images", repository=images.name, policy=json.dumps(rules), opts=opts)

    def others(self) -> None:
        opts = self.opts
        secret = aws.secretsmanager.Secret(
            "secret", name="mlp/secret", kms_key_id=self.key.arn, recovery_window_in_days=0, opts=opts
        )
        value = pulumi.Output.secret("canary-of-the-secret")
        aws.secretsmanager.SecretVersion("secret", secret_id=secret.id, secret_string=value, opts=opts)
        aws.budgets.Budget(
            "budget",
            name="monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount="100",
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": ["user:Project$mlp"]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "threshold": 80,
                    "threshold_type": "PERCENTAGE",
                    "notification_type": "ACTUAL",
                    "subscriber_email_addresses": ["ml@example.com"],
                }
            ],
            opts=opts,
        )
        certificate = aws.acm.Certificate(
            "certificate", domain_name="ml.example.com", validation_method="DNS", opts=opts
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            "record",
            zone_id="Z0123456789EXAMPLE",
            name=proof.resource_record_name,
            type=proof.resource_record_type.apply(str),
            records=[proof.resource_record_value],
            ttl=300,
            opts=opts,
        )
        aws.acm.CertificateValidation(
            "issued", certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=opts
        )
