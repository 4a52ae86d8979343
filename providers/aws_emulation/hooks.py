"""Creates and deletes what AWS services handle implicitly and moto does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from providers.aws_emulation.account import Account


def cluster_group(account: Account, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Create the security group that EKS creates for every cluster and its nodes."""
    subnet = inputs["vpcConfig"]["subnetIds"][0]
    vpc = account.call("ec2", "describe_subnets", {"SubnetIds": [subnet]})["Subnets"][0]["VpcId"]
    name = f"eks-cluster-sg-{identity}"
    made = account.call("ec2", "create_security_group", {"GroupName": name, "Description": "Made by EKS", "VpcId": vpc})
    return {"group": {"clusterSecurityGroupId": made["GroupId"], "vpcId": vpc}}


def empty_bucket(account: Account, identity: str, state: dict[str, Any]) -> None:
    """Delete all versions of all objects if `forceDestroy` is set."""
    if not state.get("forceDestroy"):
        return
    found = account.call("s3", "list_object_versions", {"Bucket": identity})
    for entry in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        account.call("s3", "delete_object", {"Bucket": identity, "Key": entry["Key"], "VersionId": entry["VersionId"]})


RELEASES: Final[dict[str, Callable[[Account, str, dict[str, Any]], None]]] = {"empty_bucket": empty_bucket}
"""Functions by their name in `kinds/*.yaml` (field `release`); called before a resource is deleted."""

HOOKS: Final[dict[str, Callable[[Account, str, dict[str, Any]], dict[str, Any]]]] = {"cluster_group": cluster_group}
"""Functions by their name in `kinds/*.yaml` (field `hook`); called after a resource is created.

Each returns values that are stored with the resource.
"""
