"""Builds the arguments of a pipeline run from a checkout and a platform."""

from __future__ import annotations

import secrets
from typing import Any

from client.platform import Platform
from common.errors import UserError
from examples.flights.bucket import Folder
from examples.flights.delivery import git_commit
from examples.flights.environment import folder


def snapshot(platform: Platform) -> str:
    """Return the digest of the feature tables; as an argument it prevents the reuse of results from other tables.

    Raises:
        UserError: There are no feature tables, or the object store does not answer.
    """
    store, bucket = platform.outputs["object_store"], platform.outputs["buckets"]["features"]
    try:
        path = folder(platform.team)
        manifest = Folder(bucket, path, store["endpoint"], platform.secret("object_store")).manifest()
    except Exception as error:
        raise UserError(
            "The object store does not answer.",
            seen=f"bucket {bucket}: {str(error).strip()[:300]}",
            next_step=f"mlp status --stack {platform.stack}",
        ) from error
    if not manifest:
        raise UserError(
            "There are no feature tables.",
            seen=f"s3://{bucket}/{folder(platform.team)} is empty",
            next_step=f"mlp workload run flights --team {platform.team}",
        )
    return str(manifest["digest"])


def gpu_arguments(count: int, accelerator: str = "nvidia.com/gpu") -> dict[str, Any]:
    """Return the arguments with which training requests GPUs and tolerates the taint of GPU nodes."""
    if count == 0:
        return {}
    taint = {"key": accelerator, "operator": "Exists", "effect": "NoSchedule"}
    return {"accelerator": accelerator, "gpus": str(count), "tolerations": [taint]}


def arguments(platform: Platform, *, fresh: bool = False, gpus: int = 0) -> dict[str, Any]:
    """Return the arguments of a run on the platform's feature tables.

    Args:
        platform: The platform.
        fresh: Run every step; reuse no earlier result.
        gpus: Number of GPUs for training.
    """
    found: dict[str, Any] = {"snapshot": snapshot(platform), **gpu_arguments(gpus)}
    commit = git_commit()
    if commit:
        found["git_commit"] = commit
    if fresh:
        found["fresh"] = secrets.token_hex(8)
    return found
