"""Inventory of an emulated account, without what every account has."""

from __future__ import annotations

from typing import Any

import jmespath

from providers.aws_emulation.emulation import Emulation

QUESTIONS: list[tuple[str, str, str]] = [
    ("ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId"),
    ("ec2", "describe_subnets", "Subnets[?!DefaultForAz].SubnetId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces[].NetworkInterfaceId"),
    ("ec2", "describe_security_groups", "SecurityGroups[?GroupName!='default'].GroupName"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    ("ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateName"),
    ("ec2", "describe_volumes", "Volumes[].VolumeId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerName"),
    ("eks", "list_clusters", "clusters"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("iam", "list_policies", "Policies[?!starts_with(Arn, 'arn:aws:iam::aws:')].PolicyName"),
    ("kms", "list_aliases", "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots[].DBSnapshotIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    (
        "rds",
        "describe_db_parameter_groups",
        "DBParameterGroups[].DBParameterGroupName | [?!starts_with(@, 'default.')]",
    ),
    ("elasticache", "describe_replication_groups", "ReplicationGroups[].ReplicationGroupId"),
    ("elasticache", "describe_snapshots", "Snapshots[].SnapshotName"),
    ("efs", "describe_file_systems", "FileSystems[].FileSystemId"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("secretsmanager", "list_secrets", "SecretList[?!DeletedDate].Name"),
    ("acm", "list_certificates", "CertificateSummaryList[].DomainName"),
]


SNAPSHOTS = ("rds describe_db_snapshots", "elasticache describe_snapshots")
"""Queries for what a store may leave behind on purpose."""


def inventory(account: Emulation) -> dict[str, list[Any]]:
    """Return the resources of the account, by query, without those of an empty account."""
    found: dict[str, list[Any]] = {}
    for service, operation, path in QUESTIONS:
        answer = jmespath.search(path, getattr(account.client(service), operation)())
        if answer and not _of_every_account(operation, answer, account):
            found[f"{service} {operation}"] = answer
    kms = account.client("kms")
    described = [kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"] for entry in kms.list_keys()["Keys"]]
    keys = [entry["Description"] for entry in described if entry["Enabled"] and entry["KeyManager"] == "CUSTOMER"]
    if keys:
        found["kms keys"] = keys
    budgets = account.client("budgets").describe_budgets(AccountId=account.account)
    if budgets.get("Budgets"):
        found["budgets"] = [entry["BudgetName"] for entry in budgets["Budgets"]]
    kept = [path.parent.name + "/" + path.name for path in account.folder.glob("*/*.json")]
    if kept:
        found["kept"] = kept
    return found


def _of_every_account(operation: str, answer: list[Any], account: Emulation) -> bool:
    if operation != "describe_internet_gateways":
        return False
    attached = account.client("ec2").describe_internet_gateways()["InternetGateways"]
    default = [entry["VpcId"] for entry in account.client("ec2").describe_vpcs()["Vpcs"] if entry["IsDefault"]]
    return all(entry["Attachments"] and entry["Attachments"][0]["VpcId"] in default for entry in attached)
