"""The Kubeflow Pipelines of a stack, out of its exported outputs."""

from __future__ import annotations

from client.pipelines.server import Server
from client.platform import Platform
from common.errors import UserError

TOKEN = "KF_PIPELINES_TOKEN"  # noqa: S105 the key of it
"""Key of the token in the Secret that the outputs name; the same variable as kfp's own."""


def server(platform: Platform) -> Server:
    """Return the stack's Kubeflow Pipelines.

    Raises:
        UserError: The stack has none, or its credentials cannot be read.
    """
    if "pipelines" not in platform.outputs["urls"]:
        raise UserError(
            f"stack {platform.stack} exports no Kubeflow Pipelines",
            seen=", ".join(sorted(platform.outputs["urls"])),
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
