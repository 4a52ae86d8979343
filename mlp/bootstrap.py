"""Creates the state backend of stacks on AWS: one bucket and one KMS key for each account and region."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from common.errors import UserError

ALIAS = "alias/mlplatform-state"
NONCURRENT_DAYS = 90
"""Days for which earlier versions of a state are kept."""


@dataclass(frozen=True)
class State:
    """The state backend of an account.

    Attributes:
        account: Account id.
        region: Region of bucket and key.
    """

    account: str
    region: str

    @property
    def bucket(self) -> str:
        """Name of the bucket; the account id makes it unique on AWS."""
        return f"mlplatform-state-{self.account}-{self.region}"

    @property
    def backend(self) -> str:
        """Pulumi's URL of the bucket."""
        return f"s3://{self.bucket}?region={self.region}&awssdk=v2"

    @property
    def secrets_provider(self) -> str:
        """Pulumi's URL of the key that encrypts secrets in the state."""
        return f"awskms://{ALIAS}?region={self.region}"


def tls_only(bucket: str) -> str:
    """Return a bucket policy that refuses plain HTTP."""
    arn = f"arn:aws:s3:::{bucket}"
    statement = {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def ensure_key(kms: Any) -> tuple[str, bool]:  # noqa: ANN401 - boto3's clients have no types
    """Create the key behind ALIAS unless it exists; return its ARN and whether it is new."""
    for page in kms.get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == ALIAS and "TargetKeyId" in alias:
                return kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"], False
    tags = [{"TagKey": "Project", "TagValue": "mlplatform"}, {"TagKey": "ManagedBy", "TagValue": "mlp-bootstrap"}]
    key = kms.create_key(Description="mlplatform: secrets in the state of stacks", Tags=tags)["KeyMetadata"]
    kms.enable_key_rotation(KeyId=key["KeyId"])
    kms.create_alias(AliasName=ALIAS, TargetKeyId=key["KeyId"])
    return key["Arn"], True


def ensure_bucket(s3: Any, state: State, key_arn: str) -> bool:  # noqa: ANN401
    """Create the bucket unless it exists, correct its settings, and return whether it is new.

    Raises:
        UserError: Another account has a bucket of this name.
    """
    from botocore.exceptions import ClientError

    new = False
    try:
        s3.head_bucket(Bucket=state.bucket, ExpectedBucketOwner=state.account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise UserError(
                f"The state bucket {state.bucket} cannot be used.",
                seen=str(error),
                allowed=f"a bucket of account {state.account}, or no bucket of that name",
            ) from None
        where: dict[str, Any] = {}
        if state.region != "us-east-1":
            where["CreateBucketConfiguration"] = {"LocationConstraint": state.region}
        s3.create_bucket(Bucket=state.bucket, ObjectOwnership="BucketOwnerEnforced", **where)
        new = True
    s3.put_public_access_block(
        Bucket=state.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    s3.put_bucket_versioning(Bucket=state.bucket, VersioningConfiguration={"Status": "Enabled"})
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    s3.put_bucket_encryption(
        Bucket=state.bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
        },
    )
    s3.put_bucket_policy(Bucket=state.bucket, Policy=tls_only(state.bucket))
    rule = {
        "ID": "old-states",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=state.bucket, LifecycleConfiguration={"Rules": [rule]})
    return new
