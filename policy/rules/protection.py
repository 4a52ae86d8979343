"""Rules against accidental deletion and accidental upgrades."""

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
"""Types with data, or without which data cannot be read."""


@rule(
    "data-protected",
    Area.PROTECTION,
    Severity.HIGH,
    "Pulumi refuses to delete resources with data, where the profile protects data",
    remedy="set protect on the resource itself: protect on its component does not prevent its deletion",
    types=DATA,
)
def data_protected(resource: Resource, stack: Stack) -> Iterator[str]:
    """Resource option `protect`."""
    if stack.profile.protect_data and not resource.protect:
        yield "is not protected"


@rule(
    "deletion-protected",
    Area.PROTECTION,
    Severity.HIGH,
    "AWS refuses to delete databases and the cluster, where the profile protects data",
    remedy="set deletionProtection",
    types=("aws:rds/instance:Instance", "aws:rds/cluster:Cluster", "aws:eks/cluster:Cluster"),
)
def deletion_protected(resource: Resource, stack: Stack) -> Iterator[str]:
    """AWS's own protection, which applies to every tool."""
    if stack.profile.protect_data and not is_true(resource.at("deletionProtection")):
        yield f"deletionProtection is {resource.at('deletionProtection')}"


@rule(
    "full-stores-are-kept",
    Area.PROTECTION,
    Severity.HIGH,
    "Buckets and repositories with content are not deleted, where the profile protects data",
    remedy="set forceDestroy (for a repository forceDelete) to false",
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
    "A key can be restored after its deletion, for the longest time where the profile protects data",
    remedy="set deletionWindowInDays to 30 (to at least 7 where data is not protected)",
    types=("aws:kms/key:Key",),
)
def keys_can_be_rescued(resource: Resource, stack: Stack) -> Iterator[str]:
    """KMS; the default is 30 days."""
    days, least = resource.at("deletionWindowInDays"), 30 if stack.profile.protect_data else 7
    if isinstance(days, int | float) and days < least:
        yield f"deletionWindowInDays is {days}, less than {least}"


@rule(
    "upgrades-are-chosen",
    Area.PROTECTION,
    Severity.MEDIUM,
    "Versions are pinned, and major upgrades are not automatic",
    remedy="set the engine's version, and leave allowMajorVersionUpgrade off",
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
    "Databases install patches of their engine",
    remedy="leave autoMinorVersionUpgrade on",
    types=("aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"),
)
def security_patches_arrive(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Minor versions."""
    if resource.at("autoMinorVersionUpgrade") is False or resource.at("autoMinorVersionUpgrade") == "false":
        yield "autoMinorVersionUpgrade is false"
