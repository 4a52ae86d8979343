"""A Pulumi program with one resource of every AWS type that the emulation supports, by service."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from tests.engine.aws_stores_program import Stores

ACCOUNT, REGION = "111111111111", "eu-central-1"


def policy(effect: str, action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Everything(Stores):
    """The program; tests change its attributes between two runs."""

    def __init__(self) -> None:
        super().__init__()
        self.cidr = "10.0.0.0/16"
        self.tags: dict[str, str] = {"Name": "everything"}
        self.account = ACCOUNT

    def __call__(self) -> None:
        provider = aws.Provider(
            "aws", region=REGION, allowed_account_ids=[self.account], default_tags={"tags": {"Project": "mlp"}}
        )
        self.opts = pulumi.ResourceOptions(provider=provider)
        self.network()
        self.keys()
        self.cluster()
        self.buckets()
        self.databases()
        self.redis()
        self.files_and_images()
        self.others()

    def network(self) -> None:
        opts, ec2 = self.opts, aws.ec2
        vpc = self.vpc = ec2.Vpc(
            "vpc",
            cidr_block=self.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=self.tags,
            opts=opts,
        )
        self.subnets = [
            ec2.Subnet(
                f"subnet-{zone}",
                vpc_id=vpc.id,
                cidr_block=f"10.0.{index}.0/24",
                availability_zone=f"{REGION}{zone}",
                map_public_ip_on_launch=bool(index),
                opts=opts,
            )
            for index, zone in enumerate("ab")
        ]
        gateway = ec2.InternetGateway("igw", vpc_id=vpc.id, opts=opts)
        address = ec2.Eip("eip", domain="vpc", opts=opts)
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[gateway]))
        nat = ec2.NatGateway("nat", allocation_id=address.id, subnet_id=self.subnets[0].id, opts=after)
        table = ec2.RouteTable("table", vpc_id=vpc.id, opts=opts)
        ec2.Route(
            "route", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id, opts=opts
        )
        ec2.RouteTableAssociation("association", route_table_id=table.id, subnet_id=self.subnets[0].id, opts=opts)
        group = self.group = ec2.SecurityGroup("group", vpc_id=vpc.id, name="group", description="d", opts=opts)
        aws.vpc.SecurityGroupIngressRule(
            "in",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=5432,
            to_port=5432,
            referenced_security_group_id=group.id,
            description="Postgres",
            opts=opts,
        )
        aws.vpc.SecurityGroupEgressRule(
            "out", security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0", opts=opts
        )
        ec2.DefaultSecurityGroup("default", vpc_id=vpc.id, opts=opts)
        ec2.VpcEndpoint(
            "s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{REGION}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id],
            opts=opts,
        )
        ec2.VpcEndpoint(
            "ecr-api",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{REGION}.ecr.api",
            vpc_endpoint_type="Interface",
            subnet_ids=[self.subnets[1].id],
            security_group_ids=[group.id],
            private_dns_enabled=True,
            opts=opts,
        )

    def keys(self) -> None:
        opts = self.opts
        rights = policy("Allow", "kms:*", Principal={"AWS": "*"})
        key = self.key = aws.kms.Key(
            "key", description="k", enable_key_rotation=True, deletion_window_in_days=7, policy=rights, opts=opts
        )
        aws.kms.Alias("alias", name="alias/mlp", target_key_id=key.key_id, opts=opts)
        logs = aws.cloudwatch.LogGroup("logs", name="/mlp/flow", retention_in_days=30, kms_key_id=key.arn, opts=opts)
        role = self.role = aws.iam.Role("role", name="role", assume_role_policy=trust("eks.amazonaws.com"), opts=opts)
        aws.iam.RolePolicy("inline", role=role.name, name="inline", policy=policy("Allow", "s3:GetObject"), opts=opts)
        made = aws.iam.Policy("policy", name="policy", policy=policy("Allow", "s3:ListBucket"), opts=opts)
        aws.iam.RolePolicyAttachment("own", role=role.name, policy_arn=made.arn, opts=opts)
        managed = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
        self.granted = aws.iam.RolePolicyAttachment("managed", role=role.name, policy_arn=managed, opts=opts)
        aws.ec2.FlowLog(
            "flow",
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            iam_role_arn=role.arn,
            log_destination=logs.arn,
            log_destination_type="cloud-watch-logs",
            max_aggregation_interval=600,
            opts=opts,
        )

    def cluster(self) -> None:
        opts, eks, subnets = self.opts, aws.eks, [subnet.id for subnet in self.subnets]
        template = aws.ec2.LaunchTemplate(
            "template",
            name="template",
            update_default_version=True,
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1, "http_endpoint": "enabled"},
            block_device_mappings=[
                {"device_name": "/dev/xvda", "ebs": {"volume_size": 50, "volume_type": "gp3", "encrypted": "true"}}
            ],
            tag_specifications=[{"resource_type": "instance", "tags": {"a": "b"}}],
            vpc_security_group_ids=[self.group.id],
            opts=opts,
        )
        cluster = eks.Cluster(
            "cluster",
            name="cluster",
            role_arn=self.role.arn,
            version="1.36",
            vpc_config={
                "subnet_ids": subnets,
                "endpoint_private_access": True,
                "endpoint_public_access": True,
                "public_access_cidrs": ["198.51.100.0/24"],
            },
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            enabled_cluster_log_types=["api", "audit"],
            encryption_config={"provider": {"key_arn": self.key.arn}, "resources": ["secrets"]},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[self.granted])),
        )
        nodes = eks.NodeGroup(
            "nodes",
            cluster_name=cluster.name,
            node_group_name="cpu",
            node_role_arn=self.role.arn,
            subnet_ids=subnets,
            instance_types=["m6i.large"],
            ami_type="AL2023_x86_64_STANDARD",
            capacity_type="ON_DEMAND",
            scaling_config={"desired_size": 1, "max_size": 3, "min_size": 0},
            labels={"pool": "cpu"},
            taints=[{"key": "x", "value": "y", "effect": "NO_SCHEDULE"}],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            update_config={"max_unavailable": 1},
            opts=opts,
        )
        aws.autoscaling.Tag(
            "group-tag",
            autoscaling_group_name=nodes.resources[0].autoscaling_groups[0].name,
            tag={"key": "k8s.io/x", "value": "1", "propagate_at_launch": False},
            opts=opts,
        )
        eks.Addon(
            "addon",
            cluster_name=cluster.name,
            addon_name="vpc-cni",
            configuration_values=json.dumps({"enableNetworkPolicy": "true"}),
            resolve_conflicts_on_create="OVERWRITE",
            opts=opts,
        )
        name, principal = cluster.name, self.role.arn
        eks.AccessEntry("entry", cluster_name=name, principal_arn=principal, type="STANDARD", opts=opts)
        eks.AccessPolicyAssociation(
            "access",
            cluster_name=name,
            principal_arn=principal,
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope={"type": "cluster"},
            opts=opts,
        )
        eks.PodIdentityAssociation(
            "identity", cluster_name=name, namespace="a", service_account="b", role_arn=principal, opts=opts
        )
        pulumi.export("endpoint", cluster.endpoint)

    def buckets(self) -> None:
        opts, s3 = self.opts, aws.s3
        logs = s3.Bucket("bucket-logs", bucket="mlp-logs-1", force_destroy=True, opts=opts)
        s3.BucketOwnershipControls(
            "ownership", bucket=logs.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=opts
        )
        allow = policy(
            "Allow", "s3:PutObject", "arn:aws:s3:::mlp-logs-1/*", Principal={"Service": "logging.s3.amazonaws.com"}
        )
        allowed = s3.BucketPolicy("allow-logs", bucket=logs.id, policy=allow, opts=opts)
        bucket = s3.Bucket("bucket", bucket="mlp-raw-1", opts=opts)
        s3.BucketVersioning("versioning", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=opts)
        s3.BucketServerSideEncryptionConfiguration(
            "encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self.key.arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=opts,
        )
        s3.BucketPublicAccessBlock(
            "block",
            bucket=bucket.id,
            block_public_acls=True,
            ignore_public_acls=True,
            block_public_policy=True,
            restrict_public_buckets=True,
            opts=opts,
        )
        s3.BucketLifecycleConfiguration(
            "lifecycle",
            bucket=bucket.id,
            rules=[
                {
                    "id": "old",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": 30},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            opts=opts,
        )
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[allowed]))
        s3.BucketLogging("logging", bucket=bucket.id, target_bucket=logs.id, target_prefix="raw/", opts=after)
