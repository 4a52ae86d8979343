"""Describes the pipeline of check `pipeline-run` and the artifacts it must write; clients that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed
from smoke.served import ServedSpec


class PipelineSpec(BaseModel):
    """Contents of `pipeline.yaml`; comments in the file explain each field."""

    name: str
    package: Path
    experiment: str
    manifest: str
    run_tag: str
    step_tag: str
    parent: str
    lineage: list[str]
    bucket_artifacts: dict[str, list[str]]
    mlflow_artifacts: dict[str, list[str]]
    timeout_seconds: float
    served: ServedSpec


def load_spec(path: Path | None = None) -> PipelineSpec:
    """Read the description of a pipeline; `pipeline.yaml` of this folder when `path` is None."""
    return PipelineSpec.model_validate(yaml.safe_load((path or Path(__file__).with_name("pipeline.yaml")).read_text()))


class Buckets:
    """Client of the team's folders in the object store.

    Uses the access keys of the outputs' credentials, else those of the process.
    """

    def __init__(self, outputs: Outputs) -> None:
        import boto3
        from botocore.config import Config

        where: dict[str, Any] = (outputs.model_extra or {}).get("object_store") or {}
        keys = outputs.secret("object_store")
        endpoint = where.get("endpoint")
        style: dict[str, Any] = {"s3": {"addressing_style": "path"}, "proxies": {}} if endpoint else {}
        config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2}, **style)
        self._names = outputs.buckets
        self._folder = f"{outputs.team}/"
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            config=config,
            region_name=where.get("region"),
            aws_access_key_id=keys.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=keys.get("AWS_SECRET_ACCESS_KEY"),
        )

    def document(self, purpose: str, key: str) -> dict[str, Any]:
        """Return a JSON object of the team's folder in the bucket for `purpose`.

        Raises:
            CheckFailed: The object does not exist, or the object store does not answer.
        """
        bucket, key = self._names[purpose], self._folder + key
        try:
            return json.loads(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except Exception as error:
            raise CheckFailed(f"cannot read s3://{bucket}/{key}: {first_line(error)}") from error

    def keys(self, purpose: str, prefix: str) -> dict[str, int]:
        """Return the size of each object below `prefix` of the team's folder, by the object's whole key.

        Raises:
            CheckFailed: The object store does not answer.
        """
        bucket, prefix = self._names[purpose], self._folder + prefix
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return {item["Key"]: int(item["Size"]) for page in pages for item in page.get("Contents", [])}
        except Exception as error:
            raise CheckFailed(f"cannot list s3://{bucket}/{prefix}: {first_line(error)}") from error
