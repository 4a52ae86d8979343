"""What services make by themselves beside what they were asked for, where the emulation does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from providers.aws_emulation.account import Account


def cluster_group(account: Account, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Make the security group that EKS gives to every cluster and its nodes."""
    subnet = inputs["vpcConfig"]["subnetIds"][0]
    vpc = account.call("ec2", "describe_subnets", {"SubnetIds": [subnet]})["Subnets"][0]["VpcId"]
    name = f"eks-cluster-sg-{identity}"
    made = account.call("ec2", "create_security_group", {"GroupName": name, "Description": "Made by EKS", "VpcId": vpc})
    return {"group": {"clusterSecurityGroupId": made["GroupId"], "vpcId": vpc}}


def empty_bucket(account: Account, identity: str, state: dict[str, Any]) -> None:
    """Remove every version of every object, as `forceDestroy` asks for."""
    if not state.get("forceDestroy"):
        return
    found = account.call("s3", "list_object_versions", {"Bucket": identity})
    for entry in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        account.call("s3", "delete_object", {"Bucket": identity, "Key": entry["Key"], "VersionId": entry["VersionId"]})


RELEASES: Final[dict[str, Callable[[Account, str, dict[str, Any]], None]]] = {"empty_bucket": empty_bucket}
"""By name in the kinds' data; each prepares a deletion."""

HOOKS: Final[dict[str, Callable[[Account, str, dict[str, Any]], dict[str, Any]]]] = {"cluster_group": cluster_group}
"""By name in the kinds' data; each returns what is kept with the thing it was made beside."""
