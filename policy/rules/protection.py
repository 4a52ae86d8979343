"""What holds data is not deleted by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, is_true, rule

DATA = (
    "aws:s3/bucket:Bucket",
    "aws:rds/instance:Instance",
    "aws:rds/cluster:Cluster",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
)
"""Types that hold data, or without which data cannot be read."""


@rule(
    "data-protected",
    Area.PROTECTION,
    Severity.HIGH,
    "Pulumi refuses to delete what holds data, where the environment protects data",
    remedy="set protect on the resource itself: a component's own does not reach what it is asked to delete",
    types=DATA,
)
def data_protected(resource: Resource, stack: Stack) -> Iterator[str]:
    """`protect` on leaves."""
    if stack.profile.protect_data and not resource.protect:
        yield "is not protected"


@rule(
    "deletion-protected",
    Area.PROTECTION,
    Severity.HIGH,
    "AWS refuses to delete databases and the cluster, where the environment protects data",
    remedy="set deletionProtection",
    types=("aws:rds/instance:Instance", "aws:rds/cluster:Cluster", "aws:eks/cluster:Cluster"),
)
def deletion_protected(resource: Resource, stack: Stack) -> Iterator[str]:
    """AWS's own protection, which holds against every other tool as well."""
    if stack.profile.protect_data and not is_true(resource.at("deletionProtection")):
        yield f"deletionProtection is {resource.at('deletionProtection')}"


@rule(
    "full-stores-are-kept",
    Area.PROTECTION,
    Severity.HIGH,
    "Buckets and repositories are not deleted with what they hold, where the environment protects data",
    remedy="set forceDestroy (of a repository forceDelete) to false",
    types=("aws:s3/bucket:Bucket", "aws:ecr/repository:Repository"),
)
def full_stores_are_kept(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 and ECR."""
    key = "forceDestroy" if resource.type.startswith("aws:s3/") else "forceDelete"
    if stack.profile.protect_data and resource.at(key) not in {None, False, UNKNOWN}:
        yield f"{key} is {resource.at(key)}"


@rule(
    "keys-can-be-rescued",
    Area.PROTECTION,
    Severity.MEDIUM,
    "A deleted key can be rescued for some time: the longest where the environment protects data",
    remedy="set deletionWindowInDays to 30 (elsewhere at least 7)",
    types=("aws:kms/key:Key",),
)
def keys_can_be_rescued(resource: Resource, stack: Stack) -> Iterator[str]:
    """KMS; AWS waits 30 days unless told otherwise."""
    days, least = resource.at("deletionWindowInDays"), 30 if stack.profile.protect_data else 7
    if isinstance(days, int | float) and days < least:
        yield f"deletionWindowInDays is {days}, less than {least}"


@rule(
    "upgrades-are-chosen",
    Area.PROTECTION,
    Severity.MEDIUM,
    "Major versions change only on purpose",
    remedy="state the engine's version, and leave allowMajorVersionUpgrade off",
    types=("aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup", "aws:eks/cluster:Cluster"),
)
def upgrades_are_chosen(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Pinned versions of managed services."""
    key = "version" if resource.type.startswith("aws:eks/") else "engineVersion"
    if not resource.at(key):
        yield f"{key} is not set"
    if resource.at("allowMajorVersionUpgrade") is True:
        yield "allowMajorVersionUpgrade is true"


@rule(
    "security-patches-arrive",
    Area.PROTECTION,
    Severity.MEDIUM,
    "Databases take their engine's patches",
    remedy="leave autoMinorVersionUpgrade on",
    types=("aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"),
)
def security_patches_arrive(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Minor versions."""
    if resource.at("autoMinorVersionUpgrade") is False or resource.at("autoMinorVersionUpgrade") == "false":
        yield "autoMinorVersionUpgrade is false"
