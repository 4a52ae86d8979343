"""What a run of the pipeline is submitted with, from a checkout and a platform."""

from __future__ import annotations

import secrets
from typing import Any

from client.platform import Platform
from common.errors import UserError
from examples.flights.bucket import Folder
from examples.flights.delivery import git_commit


def snapshot(platform: Platform) -> str:
    """Return the digest of the feature tables, so that a run on others is another run.

    Raises:
        UserError: There are none, or the object store does not answer.
    """
    store, bucket = platform.outputs["object_store"], platform.outputs["buckets"]["features"]
    try:
        manifest = Folder(bucket, store["endpoint"], platform.secret("object_store")).manifest()
    except Exception as error:
        raise UserError(
            "the object store does not answer",
            seen=f"bucket {bucket}: {str(error).strip()[:300]}",
            next_step=f"mlp status --stack {platform.stack}",
        ) from error
    if not manifest:
        raise UserError(
            "there are no feature tables", seen=f"bucket {bucket} holds none", next_step="mlp workload run flights"
        )
    return str(manifest["digest"])


def gpu_arguments(count: int, accelerator: str = "nvidia.com/gpu") -> dict[str, Any]:
    """Return the arguments that let training ask for GPUs, on nodes that are kept for those who do."""
    if count == 0:
        return {}
    taint = {"key": accelerator, "operator": "Exists", "effect": "NoSchedule"}
    return {"accelerator": accelerator, "gpus": str(count), "tolerations": [taint]}


def arguments(platform: Platform, *, fresh: bool = False, gpus: int = 0) -> dict[str, Any]:
    """Return the arguments of a run on the platform's feature tables.

    Args:
        platform: Where.
        fresh: Run every step again, whatever was run before.
        gpus: GPUs that training asks for.
    """
    found: dict[str, Any] = {"snapshot": snapshot(platform), **gpu_arguments(gpus)}
    commit = git_commit()
    if commit:
        found["git_commit"] = commit
    if fresh:
        found["fresh"] = secrets.token_hex(8)
    return found
