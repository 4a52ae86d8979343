"""Reads and writes the workload's folder in a bucket: objects, and a manifest with the digests of their inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

MANIFEST = "manifest.json"


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def combined(parts: dict[str, str]) -> str:
    """Return one digest of named digests, independent of their order."""
    return sha256(json.dumps(parts, sort_keys=True).encode())


class Folder:
    """Objects of the workload in one bucket.

    Args:
        bucket: Name of the bucket.
        path: Beginning of the objects' keys, without a trailing slash.
        endpoint: URL of an S3 service other than AWS; None on AWS.
        keys: Credentials by the names of their variables; those of the process when None.
    """

    def __init__(self, bucket: str, path: str, endpoint: str | None, keys: Mapping[str, str] | None = None) -> None:
        import boto3
        from botocore.config import Config

        self.bucket, self.path = bucket, path
        # Path style: there is no wildcard DNS below the names of in-cluster S3 services. They need no proxy.
        style = Config(s3={"addressing_style": "path"}, proxies={}) if endpoint else None
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
        key, secret, region = ((keys or {}).get(name) for name in names)
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            config=style,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=region,
        )

    def read(self, name: str) -> bytes:
        """Return the object `name`.

        Raises:
            FileNotFoundError: The object does not exist.
        """
        from botocore.exceptions import ClientError

        key = f"{self.path}/{name}"
        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            # S3 answers AccessDenied to a reader that may list a part of the bucket only.
            code = error.response["Error"]["Code"]
            if code == "NoSuchKey" or (code == "AccessDenied" and name not in self.names()):
                raise FileNotFoundError(f"s3://{self.bucket}/{key} does not exist") from None
            raise

    def write(self, name: str, data: bytes) -> None:
        """Write the object `name`."""
        self._client.put_object(Bucket=self.bucket, Key=f"{self.path}/{name}", Body=data)

    def names(self) -> set[str]:
        """Return the names of all objects."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.path}/")
        return {item["Key"].removeprefix(f"{self.path}/") for page in pages for item in page.get("Contents", [])}

    def manifest(self, name: str = MANIFEST) -> dict[str, Any]:
        """Return a manifest; empty when it does not exist."""
        try:
            return json.loads(self.read(name))
        except FileNotFoundError:
            return {}

    def write_manifest(self, content: dict[str, Any], name: str = MANIFEST) -> None:
        """Write a manifest; a step writes it last, so that all objects in it exist."""
        self.write(name, json.dumps(content, indent=1, sort_keys=True).encode())
