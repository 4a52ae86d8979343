"""Count or delete the objects of a team; runs in a job of the team and prints one line of JSON."""

import json
import os
import sys

import boto3
from botocore.config import Config

MARKER = "TEAM-DATA "


def main() -> None:
    """Go through the team's folders; with MODE=delete, delete every object."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    style = Config(s3={"addressing_style": "path"}) if endpoint else None
    client = boto3.client("s3", endpoint_url=endpoint, config=style)
    objects = size = 0
    for name in ("RAW_BUCKET", "FEATURES_BUCKET", "PIPELINES_BUCKET"):
        bucket = os.environ[name]
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=os.environ["TEAM"] + "/")
        for page in pages:
            found = page.get("Contents", [])
            objects += len(found)
            size += sum(item["Size"] for item in found)
            if found and os.environ["MODE"] == "delete":
                keys = [{"Key": item["Key"]} for item in found]
                failed = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors")
                if failed:
                    sys.exit(f"{failed[0]['Key']} cannot be deleted: {failed[0]['Code']}")
    sys.stdout.write(f"{MARKER}{json.dumps({'objects': objects, 'bytes': size})}\n")


main()
