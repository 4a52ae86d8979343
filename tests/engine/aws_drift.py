"""Ten changes outside Pulumi: which resource changes, how, and how to check that an `up` reverted it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.engine.aws_world import World


@dataclass(frozen=True)
class Drift:
    """One change outside Pulumi.

    Attributes:
        resource: Start of `Kind name` of the resource that an `up` must repair.
        make: Makes the change.
        check: Raises unless the change was reverted.
    """

    resource: str
    make: Callable[[World], object]
    check: Callable[[World], object]


def _prefix(world: World) -> str:
    (cluster,) = world.account.client("eks").list_clusters()["clusters"]
    return str(cluster)


def _bucket(world: World, purpose: str) -> str:
    names = [entry["Name"] for entry in world.account.client("s3").list_buckets()["Buckets"]]
    return next(name for name in names if f"-{purpose}-" in name)


def _database(world: World) -> dict[str, Any]:
    found = world.account.client("rds").describe_db_instances()["DBInstances"]
    return next(entry for entry in found if entry["Engine"] == "postgres")


def _database_group(world: World) -> str:
    return _database(world)["VpcSecurityGroups"][0]["VpcSecurityGroupId"]


def _revoke(world: World) -> None:
    ec2, group = world.account.client("ec2"), _database_group(world)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    ingress = [rule["SecurityGroupRuleId"] for rule in rules if not rule["IsEgress"]]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ingress)


def _guarded(world: World) -> None:
    ec2, group = world.account.client("ec2"), _database_group(world)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert any(not rule["IsEgress"] and rule.get("ReferencedGroupInfo") for rule in rules), rules


def _resize(world: World) -> None:
    name = _database(world)["DBInstanceIdentifier"]
    world.account.client("rds").modify_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro")


def _open_bucket(world: World) -> None:
    world.account.client("s3").delete_public_access_block(Bucket=_bucket(world, "raw"))


def _unversion(world: World) -> None:
    bucket = _bucket(world, "models")
    world.account.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def _versioned(world: World) -> None:
    found = world.account.client("s3").get_bucket_versioning(Bucket=_bucket(world, "models"))
    assert found["Status"] == "Enabled"


def _plain_policy(world: World) -> None:
    world.account.client("s3").delete_bucket_policy(Bucket=_bucket(world, "features"))


def _strict_policy(world: World) -> None:
    found = world.account.client("s3").get_bucket_policy(Bucket=_bucket(world, "features"))
    assert "aws:SecureTransport" in found["Policy"]


def _trust(world: World) -> None:
    world.account.client("iam").delete_role_policy(**_inline(world))


def _inline(world: World) -> dict[str, str]:
    iam = world.account.client("iam")
    (role,) = [entry["RoleName"] for entry in iam.list_roles()["Roles"] if "autoscaler" in entry["RoleName"]]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {"RoleName": role, "PolicyName": names[0] if names else ""}


def _retag(world: World) -> None:
    ec2 = world.account.client("ec2")
    (vpc,) = [entry for entry in ec2.describe_vpcs()["Vpcs"] if not entry["IsDefault"]]
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "CostCenter", "Value": "nobody"}])


def _tagged(world: World) -> None:
    (vpc,) = [entry for entry in world.account.client("ec2").describe_vpcs()["Vpcs"] if not entry["IsDefault"]]
    assert {"Key": "CostCenter", "Value": "nobody"} not in vpc["Tags"]


def _forget_logs(world: World) -> None:
    world.account.client("logs").put_retention_policy(logGroupName=_cluster_logs(world), retentionInDays=1)


def _cluster_logs(world: World) -> str:
    return f"/aws/eks/{_prefix(world)}/cluster"


def _logs_kept(world: World) -> None:
    found = world.account.client("logs").describe_log_groups(logGroupNamePrefix=_cluster_logs(world))["logGroups"]
    assert found[0]["retentionInDays"] > 1


def _rotate(world: World, wanted: bool) -> None:
    kms = world.account.client("kms")
    alias = next(
        entry for entry in kms.list_aliases()["Aliases"] if entry["AliasName"] == f"alias/{_prefix(world)}-data"
    )
    if wanted:
        assert kms.get_key_rotation_status(KeyId=alias["TargetKeyId"])["KeyRotationEnabled"]
    else:
        kms.disable_key_rotation(KeyId=alias["TargetKeyId"])


def _scale(world: World) -> None:
    path = "/apis/apps/v1/namespaces/mlflow/deployments/mlflow"
    world.plane.merge(path, {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}})


def _unscaled(world: World) -> None:
    found = world.plane.get("/apis/apps/v1/namespaces/mlflow/deployments/mlflow") or {}
    assert found["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] != 1


def _no_policy(world: World) -> None:
    world.plane.delete("/apis/storage.k8s.io/v1/storageclasses/gp3")


def _default_class(world: World) -> None:
    assert world.plane.get("/apis/storage.k8s.io/v1/storageclasses/gp3") is not None


def _closed(world: World) -> None:
    found = world.account.client("s3").get_public_access_block(Bucket=_bucket(world, "raw"))
    assert found["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]


def _same_class(world: World) -> None:
    assert _database(world)["DBInstanceClass"] != "db.t3.micro"


def _granted(world: World) -> None:
    assert _inline(world)["PolicyName"]


DRIFTS = [
    Drift("Instance postgres", _resize, _same_class),
    Drift("SecurityGroupIngressRule postgres", _revoke, _guarded),
    Drift("BucketPublicAccessBlock objects-raw", _open_bucket, _closed),
    Drift("BucketVersioning objects-models", _unversion, _versioned),
    Drift("BucketPolicy objects-features", _plain_policy, _strict_policy),
    Drift("RolePolicy cluster-autoscaler", _trust, _granted),
    Drift("Vpc ", _retag, _tagged),
    Drift("LogGroup cluster", _forget_logs, _logs_kept),
    Drift("Key ", lambda world: _rotate(world, False), lambda world: _rotate(world, True)),
    Drift("StorageClass volumes-gp3", _no_policy, _default_class),
    Drift("Deployment mlflow", _scale, _unscaled),
]
