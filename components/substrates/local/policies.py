"""Bucket policies and accounts of the S3 gateway, from the applications' grants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from common.errors import UserError
from components.substrates.requests import BucketPurpose, Grant
from components.substrates.s3_actions import LIST, LIST_FOLDER, READ, WRITE

Statement = dict[str, object]

LARGEST = 3700
"""Bytes of the largest policy. The gateway keeps it in an extended attribute of the bucket's folder. ext4 has room for
4,036 bytes of them in all; the other attributes of a bucket need less than 300."""


READ_FOLDER = "s3:GetObject*"
"""READ, and what else can be read of an object, in fewer bytes."""

WRITE_FOLDER = ("s3:*Object*", "s3:*MultipartUpload*")
"""READ and WRITE in fewer bytes. The other actions that it covers need versions, locks or ACLs, which no bucket has."""


def policy(bucket: str, purpose: BucketPurpose, grants: Sequence[Grant]) -> dict[str, object]:
    """Return the policy of `bucket`. Accounts have the names of applications, so principals are those names."""
    concerned = [grant for grant in grants if purpose in (*grant.read_write, *grant.read_only)]
    statements: list[Statement] = []
    for prefix in sorted({grant.prefix for grant in concerned}):
        here = [grant for grant in concerned if grant.prefix == prefix]
        writers = sorted({grant.application for grant in here if purpose in grant.read_write})
        readers = sorted({grant.application for grant in here} - set(writers))
        statements += _statements(f"arn:aws:s3:::{bucket}", prefix, writers, readers)
    return {"Version": "2012-10-17", "Statement": statements}


def _statements(bucket: str, prefix: str, writers: Sequence[str], readers: Sequence[str]) -> Iterable[Statement]:
    """Yield the statements for keys that begin with a prefix, as few and short as possible: see LARGEST."""
    everybody = sorted([*writers, *readers])
    if prefix:
        folder = {"StringLike": {"s3:prefix": f"{prefix}*"}}
        yield {**_allow(everybody, LIST_FOLDER, bucket), "Condition": folder}
    else:
        yield _allow(everybody, LIST, bucket)
    if writers:
        yield _allow(writers, WRITE_FOLDER if prefix else (*READ, *WRITE), f"{bucket}/{prefix}*")
    if readers:
        yield _allow(readers, READ_FOLDER if prefix else READ, f"{bucket}/{prefix}*")


def _allow(principals: Sequence[str], actions: str | Sequence[str], resource: str) -> Statement:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": actions if isinstance(actions, str) else list(actions),
        "Resource": resource,
    }


def text(document: Mapping[str, object]) -> str:
    """Return a policy as the gateway stores it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def refuse_large(buckets: Mapping[BucketPurpose, str], grants: Sequence[Grant]) -> None:
    """Refuse grants whose policy the gateway could not store.

    Raises:
        UserError: Names the bucket, the size of its policy, and the teams that it lists.
    """
    for purpose, bucket in buckets.items():
        size = len(text(policy(bucket, purpose, grants)))
        if size > LARGEST:
            teams = sorted({grant.namespace for grant in grants if grant.prefix})
            raise UserError(
                "The object store of one machine cannot hold the access of so many teams.",
                seen=f"{len(teams)} teams ({', '.join(teams)}); the policy of bucket {bucket} has {size} bytes",
                allowed=f"policies of at most {LARGEST} bytes; shorter names of teams need less",
                next_step="remove teams from mlplatform:teams, shorten their names, or use a stack on AWS",
            )


def accounts(secrets: Mapping[str, str]) -> str:
    """Return versitygw's account file (internal IAM, `users.json`) for secret access keys by application."""
    entries = {
        name: {"access": name, "secret": secret, "role": "user", "userID": 0, "groupID": 0, "projectID": 0}
        for name, secret in sorted(secrets.items())
    }
    return json.dumps({"accessAccounts": entries})
