"""The platform's buckets on S3, and the IAM roles of the applications that use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.substrates.aws import buckets, iam
from components.substrates.aws.buckets import Bucket, BucketArgs
from components.substrates.aws.cluster import Cluster
from components.substrates.aws.identity import PodRole, PodRoleArgs
from components.substrates.aws.site import Site
from components.substrates.contract import ObjectStore, ObjectStoreAccess
from components.substrates.requests import BUCKET_PURPOSES, BucketPurpose, Grant
from components.substrates.s3_actions import LIST, LIST_FOLDER, READ, WRITE

LOGS = "logs"


@dataclass(frozen=True, kw_only=True)
class ObjectStorageArgs:
    """Arguments of `ObjectStorage`.

    Attributes:
        site: Account, region and names.
        cluster: Cluster whose pods use the buckets.
        key_arn: Key that encrypts them.
        noncurrent_days: Days for which overwritten and deleted objects can be restored.
        log_days: Retention of access logs in days.
        grants: Access that the applications request.
    """

    site: Site
    cluster: Cluster
    key_arn: pulumi.Output[str]
    noncurrent_days: int
    log_days: int
    grants: Sequence[Grant]


def bucket_name(site: Site, purpose: str) -> str:
    """Return a bucket's name, which includes the account to be unique across AWS."""
    return f"{site.prefix}-{purpose}-{site.account}"


def statements(
    grants: Sequence[Grant], names: Mapping[BucketPurpose, str], key_arn: pulumi.Input[str], region: str
) -> list[iam.Statement]:
    """Return the permissions of one identity's grants: its buckets or folders, and their KMS key through S3 only."""
    found = [statement for grant in grants for statement in _of_grant(grant, names)]
    writes = any(grant.read_write for grant in grants)
    key_actions = ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])]
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return [*found, iam.Statement(actions=key_actions, resources=[key_arn], conditions=through_s3)]


def _of_grant(grant: Grant, names: Mapping[BucketPurpose, str]) -> list[iam.Statement]:
    """Return the permissions of a grant on its buckets; with a prefix, on the keys that begin with it."""
    readable = [buckets.arn(bucket) for bucket in sorted({names[p] for p in (*grant.read_write, *grant.read_only)})]
    writable = [buckets.arn(bucket) for bucket in sorted(names[purpose] for purpose in grant.read_write)]
    in_folder = {"StringLike": {"s3:prefix": f"{grant.prefix}*"}}
    found = [
        iam.Statement(actions=[LIST_FOLDER], resources=readable, conditions=in_folder)
        if grant.prefix
        else iam.Statement(actions=LIST, resources=readable),
        iam.Statement(actions=READ, resources=[f"{bucket}/{grant.prefix}*" for bucket in readable]),
    ]
    if writable:
        found.append(iam.Statement(actions=WRITE, resources=[f"{bucket}/{grant.prefix}*" for bucket in writable]))
    return found


def by_identity(grants: Sequence[Grant]) -> dict[str, list[Grant]]:
    """Return the grants of each identity, which add up."""
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        found.setdefault(grant.application, []).append(grant)
    return found


class ObjectStorage(pulumi.ComponentResource):
    """A bucket for each purpose, one for access logs, and a role for each grant, without access keys."""

    store: ObjectStore

    def __init__(self, name: str, args: ObjectStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:ObjectStorage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        site = args.site
        names = {purpose: bucket_name(site, purpose) for purpose in BUCKET_PURPOSES}
        log_name = bucket_name(site, LOGS)
        logs = Bucket(
            f"{name}-{LOGS}",
            BucketArgs(
                site=site,
                bucket=log_name,
                key_arn=None,
                log_bucket=None,
                noncurrent_days=args.noncurrent_days,
                expire_days=args.log_days,
                statements=[buckets.log_delivery(site, log_name)],
            ),
            child,
        )
        made = {
            purpose: Bucket(
                f"{name}-{purpose}",
                BucketArgs(
                    site=site,
                    bucket=bucket,
                    key_arn=args.key_arn,
                    log_bucket=log_name,
                    noncurrent_days=args.noncurrent_days,
                    requires=logs.ready,
                ),
                child,
            )
            for purpose, bucket in names.items()
        }
        ready = [resource for bucket in made.values() for resource in bucket.ready]
        environment = {"AWS_REGION": site.region, "AWS_DEFAULT_REGION": site.region}
        self.store = ObjectStore(
            endpoint=None,
            region=site.region,
            path_style=False,
            buckets=names,
            access={
                name: ObjectStoreAccess(
                    environment=environment,
                    secret_environment={},
                    requires=[self._role(grants, names, args).association, *ready],
                )
                for name, grants in by_identity(args.grants).items()
            },
        )
        self.register_outputs({})

    def _role(self, grants: Sequence[Grant], names: Mapping[BucketPurpose, str], args: ObjectStorageArgs) -> PodRole:
        grant = grants[0]
        return PodRole(
            grant.application,
            PodRoleArgs(
                site=args.site,
                cluster=args.cluster.name,
                cluster_name=args.cluster.resource_name,
                namespace=grant.namespace,
                service_account=grant.service_account,
                statements=statements(grants, names, args.key_arn, args.site.region),
            ),
            pulumi.ResourceOptions(parent=self),
        )
