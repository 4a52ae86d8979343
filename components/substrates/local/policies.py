"""Bucket policies and accounts of the S3 gateway, from the applications' grants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from components.substrates.requests import BucketPurpose, Grant
from components.substrates.s3_actions import LIST, READ, WRITE


def policy(bucket: str, purpose: BucketPurpose, grants: Sequence[Grant]) -> dict[str, object]:
    """Return the policy of `bucket`. Accounts have the names of applications, so principals are those names."""
    writers = sorted(grant.application for grant in grants if purpose in grant.read_write)
    readers = sorted({grant.application for grant in grants if purpose in grant.read_only} - set(writers))
    everybody = sorted([*writers, *readers])
    statements = []
    if everybody:
        statements.append(_allow(everybody, LIST, f"arn:aws:s3:::{bucket}"))
        statements.append(_allow(everybody, READ, f"arn:aws:s3:::{bucket}/*"))
    if writers:
        statements.append(_allow(writers, WRITE, f"arn:aws:s3:::{bucket}/*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(principals: Sequence[str], actions: Sequence[str], resource: str) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": list(actions),
        "Resource": [resource],
    }


def accounts(secrets: Mapping[str, str]) -> str:
    """Return versitygw's account file (internal IAM, `users.json`) for secret access keys by application."""
    entries = {
        name: {"access": name, "secret": secret, "role": "user", "userID": 0, "groupID": 0, "projectID": 0}
        for name, secret in sorted(secrets.items())
    }
    return json.dumps({"accessAccounts": entries})
