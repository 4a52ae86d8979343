"""Finds the Kubeflow Pipelines of a stack in its exported outputs."""

from __future__ import annotations

from client.pipelines.server import Server
from client.platform import Platform
from common.errors import UserError

TOKEN = "KF_PIPELINES_TOKEN"  # noqa: S105 name of a key, not a token
"""Key of the token in the Secret that the outputs name; also the variable that kfp reads."""


def server(platform: Platform) -> Server:
    """Return the stack's Kubeflow Pipelines.

    Raises:
        UserError: Kubeflow Pipelines is off in the stack, or its credentials cannot be read.
    """
    if "pipelines" not in platform.outputs["urls"]:
        raise UserError(
            f"Stack {platform.stack} exports no Kubeflow Pipelines.",
            seen=f"URLs of {', '.join(sorted(platform.outputs['urls']))}",
            allowed="a stack with the application pipelines",
            next_step=f"mlp up --stack {platform.stack}",
        )
    token = platform.secret("pipelines").get(TOKEN, "") if "pipelines" in platform.outputs["credentials"] else ""
    return Server(
        url=platform.url("pipelines"),
        token=token,
        namespace=platform.outputs["namespaces"]["pipelines"],
        api=platform.api,
        stack=platform.stack,
    )
