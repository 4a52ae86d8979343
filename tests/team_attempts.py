"""What one team tries on the objects of another, as calls of S3's client that must all be refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from botocore.client import BaseClient
from botocore.exceptions import ClientError


def refused(call: Callable[[], object]) -> str:
    """Return the code with which the object store refuses a request; empty when it does not."""
    try:
        call()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return {"403": "AccessDenied", "404": "NoSuchKey"}.get(code, code)
    return ""


def listed(s3: BaseClient, bucket: str, prefix: str) -> object:
    """Return the objects below a prefix.

    Raises:
        ClientError: The store refuses, or finds none: a path upward begins like a prefix of the team's own.
    """
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    if not found.get("Contents") and not found.get("CommonPrefixes"):
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "ListObjectsV2")
    return found


def opened(bucket: str) -> str:
    """Return a policy that lets everybody read a bucket."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def attempts(s3: BaseClient, own: str, other: str, bucket: str, key: str) -> dict[str, Callable[[], object]]:
    """Return what an identity of team `own` tries on the object `key` of team `other`, by name."""
    up = f"{own}/../{key}"
    mine = f"{own}/probe/{uuid.uuid4()}"
    where = {"Bucket": bucket, "Key": key}
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    return {
        "read": lambda: s3.get_object(**where),
        "read by a path upward": lambda: s3.get_object(Bucket=bucket, Key=up),
        "look": lambda: s3.head_object(**where),
        "read the tags": lambda: s3.get_object_tagging(**where),
        "read the attributes": lambda: s3.get_object_attributes(**where, ObjectAttributes=["ObjectSize"]),
        "read the ACL": lambda: s3.get_object_acl(**where),
        "overwrite": lambda: s3.put_object(**where, Body=b"x"),
        "write beside it": lambda: s3.put_object(Bucket=bucket, Key=f"{key}-new", Body=b"x"),
        "write by a path upward": lambda: s3.put_object(Bucket=bucket, Key=f"{up}-new", Body=b"x"),
        "write outside of every folder": lambda: s3.put_object(Bucket=bucket, Key="probe", Body=b"x"),
        "tag": lambda: s3.put_object_tagging(**where, Tagging=tags),
        "copy to its own folder": lambda: s3.copy_object(Bucket=bucket, Key=mine, CopySource=where),
        "copy into the folder": lambda: s3.copy_object(
            Bucket=bucket, Key=f"{key}-copy", CopySource={"Bucket": bucket, "Key": mine}
        ),
        "begin an upload": lambda: s3.create_multipart_upload(Bucket=bucket, Key=f"{key}-parts"),
        "list the folder": lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{other}/"),
        "list the folder, old request": lambda: s3.list_objects(Bucket=bucket, Prefix=f"{other}/"),
        "list by a path upward": lambda: listed(s3, bucket, f"{own}/../{other}/"),
        "list the bucket": lambda: s3.list_objects_v2(Bucket=bucket),
        "list the bucket's folders": lambda: s3.list_objects_v2(Bucket=bucket, Delimiter="/"),
        "list by the beginning of its own name": lambda: s3.list_objects_v2(Bucket=bucket, Prefix=own[:3]),
        "list versions": lambda: s3.list_object_versions(Bucket=bucket, Prefix=f"{other}/"),
        "list uploads": lambda: s3.list_multipart_uploads(Bucket=bucket),
        "read the policy": lambda: s3.get_bucket_policy(Bucket=bucket),
        "change the policy": lambda: s3.put_bucket_policy(Bucket=bucket, Policy=opened(bucket)),
        "open the bucket": lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write"),
        "delete the tags": lambda: s3.delete_object_tagging(**where),
        "delete": lambda: s3.delete_object(**where),
        "delete the bucket": lambda: s3.delete_bucket(Bucket=bucket),
    }
