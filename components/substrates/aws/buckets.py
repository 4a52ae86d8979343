"""S3 buckets: private, versioned, encrypted, over TLS only, with access logs and expiry of old versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """Arguments of `Bucket`.

    Attributes:
        site: Account, region and names.
        bucket: Name of the bucket, unique across AWS.
        key_arn: KMS key that encrypts it; None for S3's own keys, which the target of access logs requires.
        log_bucket: Bucket that receives its access logs; None for the bucket itself.
        noncurrent_days: Days after which overwritten and deleted versions expire.
        expire_days: Days after which current objects expire; None for no expiry.
        statements: Statements of the bucket's policy, in addition to the one that requires TLS.
        requires: Resources that must exist first.
    """

    site: Site
    bucket: str
    key_arn: pulumi.Input[str] | None
    log_bucket: str | None
    noncurrent_days: int
    expire_days: int | None = None
    statements: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    requires: Sequence[pulumi.Resource] = ()


def arn(bucket: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:aws:s3:::{bucket}"


def tls_only(bucket: str) -> dict[str, Any]:
    """Return the statement that denies plain HTTP and TLS versions older than 1.2."""
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [arn(bucket), f"{arn(bucket)}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def log_delivery(site: Site, bucket: str) -> dict[str, Any]:
    """Return the statement that lets S3 write the access logs of this account's buckets."""
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn(bucket)}/access/*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": site.account},
            "ArnLike": {"aws:SourceArn": arn(f"{site.prefix}-*")},
        },
    }


class Bucket(pulumi.ComponentResource):
    """One bucket with its policy, encryption, versioning, logging and lifecycle.

    Attributes:
        name: Name of the bucket, an output of the resource.
        ready: Resources after which all protection of the bucket is in place.
    """

    name: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Bucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket,
            # Deleting an unprotected environment deletes its objects too.
            force_destroy=not args.site.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect, depends_on=list(args.requires)),
        )
        self.name = bucket.bucket
        closed = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        versions = aws.s3.BucketVersioning(
            name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=child
        )
        # One after the other, because S3 refuses concurrent changes of a bucket's policy and ownership.
        owned = aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed]),
        )
        policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=iam.document([tls_only(args.bucket), *args.statements]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[owned]),
        )
        encrypted = self._encryption(name, bucket, args)
        self._lifecycle(name, bucket, args, versions)
        if args.log_bucket is not None:
            aws.s3.BucketLogging(
                name,
                bucket=bucket.id,
                target_bucket=args.log_bucket,
                target_prefix=f"access/{args.bucket}/",
                opts=child,
            )
        self.ready = [bucket, policy, encrypted, versions]
        self.register_outputs({"name": self.name})

    def _encryption(
        self, name: str, bucket: aws.s3.Bucket, args: BucketArgs
    ) -> aws.s3.BucketServerSideEncryptionConfiguration:
        by_key = {"sse_algorithm": "aws:kms", "kms_master_key_id": args.key_arn}
        by_s3 = {"sse_algorithm": "AES256"}
        rule: dict[str, Any] = {
            "apply_server_side_encryption_by_default": by_key if args.key_arn is not None else by_s3,
            # One KMS call for many objects.
            "bucket_key_enabled": args.key_arn is not None,
        }
        return aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(**rule)],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _lifecycle(self, name: str, bucket: aws.s3.Bucket, args: BucketArgs, versions: aws.s3.BucketVersioning) -> None:
        rules: list[dict[str, Any]] = [
            {
                "id": "leftovers",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": args.noncurrent_days},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ]
        if args.expire_days is not None:
            rules.append(
                {
                    "id": "expiry",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": args.expire_days},
                }
            )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[aws.s3.BucketLifecycleConfigurationRuleArgs(**rule) for rule in rules],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versions]),
        )
