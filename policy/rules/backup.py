"""Rules on backups and their retention."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Data, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import entries
from policy.rules.audit import log_targets

RDS_INSTANCE = "aws:rds/instance:Instance"


@rule(
    "databases-backed-up",
    Area.BACKUP,
    Severity.HIGH,
    "Databases keep backups for as long as the profile requires",
    remedy="set backupRetentionPeriod to the profile's backup_days or more",
    types=(RDS_INSTANCE, "aws:rds/cluster:Cluster"),
)
def databases_backed_up(resource: Resource, stack: Stack) -> Iterator[str]:
    """RDS automatic backups, which make point-in-time recovery possible."""
    days = resource.at("backupRetentionPeriod")
    if days is not UNKNOWN and (days or 0) < stack.profile.backup_days:
        yield f"backupRetentionPeriod is {days}, less than {stack.profile.backup_days}"


@rule(
    "databases-leave-a-snapshot",
    Area.BACKUP,
    Severity.HIGH,
    "Databases and Redis leave a final snapshot; a database's snapshot has the database's tags",
    remedy="set finalSnapshotIdentifier; for RDS skipFinalSnapshot to false, and copyTagsToSnapshot",
    types=(RDS_INSTANCE, "aws:elasticache/replicationGroup:ReplicationGroup"),
)
def databases_leave_a_snapshot(resource: Resource, stack: Stack) -> Iterator[str]:
    """RDS and ElastiCache final snapshots, where the profile requires them; protection is off at a deletion."""
    if resource.type == RDS_INSTANCE and not is_true(resource.at("copyTagsToSnapshot")):
        yield "copyTagsToSnapshot is not true"
    if not stack.profile.final_snapshots:
        return
    if resource.at("skipFinalSnapshot") is True:
        yield "skipFinalSnapshot is true"
    elif not is_set(resource.at("finalSnapshotIdentifier")):
        yield "finalSnapshotIdentifier is not set"


@rule(
    "redis-backed-up",
    Area.BACKUP,
    Severity.MEDIUM,
    "Redis takes snapshots where data is protected",
    remedy="set snapshotRetentionLimit",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_backed_up(resource: Resource, stack: Stack) -> Iterator[str]:
    """ElastiCache snapshots; features can be materialized again, but that takes time."""
    if stack.profile.protect_data and not is_set(resource.at("snapshotRetentionLimit")):
        yield f"snapshotRetentionLimit is {resource.at('snapshotRetentionLimit')}"


def wrong_status(found: Iterator[Data], wanted: str, what: str) -> Iterator[str]:
    """Yield a problem unless there are statuses and all of them are `wanted` or not known yet."""
    statuses = list(found)
    if not statuses or any(status not in {wanted, UNKNOWN} for status in statuses):
        yield f"{what} is {', '.join(map(str, statuses)) or 'not declared'}"


@rule(
    "files-backed-up",
    Area.BACKUP,
    Severity.MEDIUM,
    "File systems are backed up",
    remedy="declare a BackupPolicy with status ENABLED",
    types=("aws:efs/fileSystem:FileSystem",),
)
def files_backed_up(resource: Resource, stack: Stack) -> Iterator[str]:
    """EFS automatic backups."""
    policies = stack.about(resource, "aws:efs/backupPolicy:BackupPolicy", "fileSystemId")
    yield from wrong_status((other.at("backupPolicy", "status") for other in policies), "ENABLED", "BackupPolicy")


@rule(
    "buckets-versioned",
    Area.BACKUP,
    Severity.HIGH,
    "Buckets keep overwritten and deleted objects as versions",
    remedy="declare a BucketVersioning with status Enabled",
    types=("aws:s3/bucket:Bucket",),
)
def buckets_versioned(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 versioning."""
    found = stack.about(resource, "aws:s3/bucketVersioning:BucketVersioning", "bucket")
    yield from wrong_status((other.at("versioningConfiguration", "status") for other in found), "Enabled", "versioning")


@rule(
    "buckets-expire-old-versions",
    Area.BACKUP,
    Severity.LOW,
    "Buckets delete old versions and incomplete uploads after a stated time",
    remedy="declare a BucketLifecycleConfiguration with noncurrentVersionExpiration (for logs expiration), and "
    "abortIncompleteMultipartUpload",
    types=("aws:s3/bucket:Bucket",),
)
def buckets_expire_old_versions(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 lifecycle; versions cost as much as any object."""
    found = stack.about(resource, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "bucket")
    rules = [
        item for other in found for item in entries(other.at("rules")) if at(item, "status") in {"Enabled", UNKNOWN}
    ]
    keys = ["noncurrentVersionExpiration", "abortIncompleteMultipartUpload"]
    if {resource.id, resource.at("bucket")} & log_targets(stack):
        keys.append("expiration")
    yield from (f"no lifecycle rule with {key}" for key in keys if not any(is_set(at(item, key)) for item in rules))
