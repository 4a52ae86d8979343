"""Create the buckets and set the policies that are listed in /etc/buckets/policies.json; safe to repeat."""

import json
import logging
import os
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

logging.basicConfig(level=logging.INFO, format="%(message)s")


def main() -> None:
    """Create every listed bucket and set its policy."""
    client = boto3.client(
        "s3",
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        region_name=os.environ["AWS_REGION"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 8, "mode": "standard"}),
    )
    policies = json.loads(Path("/etc/buckets/policies.json").read_text(encoding="utf-8"))
    for bucket, policy in policies.items():
        try:
            client.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise
        client.put_bucket_policy(Bucket=bucket, Policy=policy)
        logging.info("bucket %s", bucket)


main()
