"""Refuses to destroy a stack whose data is protected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import UserError

if TYPE_CHECKING:
    from infra.schema import Settings


def refuse_while_protected(settings: Settings, stack: str) -> None:
    """Refuse to destroy a stack whose settings protect its data.

    Raises:
        UserError: The settings protect the data; lists the steps that end the protection.
    """
    if settings.aws is None or not settings.aws.protect_data:
        return
    also = f", and mlplatform:aws.decommission to {stack}" if settings.aws.tier == "production" else ""
    left = "a final snapshot" if settings.aws.final_snapshots else "no snapshot"
    steps = [
        f"1. make sure that nobody needs the data: databases and Redis leave {left} (aws.final_snapshots);",
        "   buckets and the shared file system are deleted permanently",
        f"2. set mlplatform:aws.protect_data to false{also} in stacks/Pulumi.{stack}.yaml, in a reviewed change",
        f"3. mlp up --stack {stack}        (removes the protection; deletes nothing)",
        f"4. mlp destroy --stack {stack}",
    ]
    raise UserError(
        f"Stack {stack} holds protected data; nothing was deleted.",
        seen="mlplatform:aws.protect_data: true",
        allowed="a stack without protection",
        next_step="\n           ".join(steps),
    )


def refuse_protected_resources(deployment: Mapping[str, Any], stack: str) -> None:
    """Refuse to destroy a stack whose state still has protected resources.

    The engine refuses only when it reaches a protected resource. By then it has deleted others, unless a preview ran
    first.

    Args:
        deployment: The stack's exported deployment.
        stack: Name of the stack.

    Raises:
        UserError: A resource is protected; names the resources and the next step.
    """
    names = [str(entry["urn"]).split("::")[-1] for entry in deployment.get("resources") or [] if entry.get("protect")]
    if names:
        raise UserError(
            f"Stack {stack} still protects some of its resources; nothing was deleted.",
            seen=f"{len(names)} protected: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}",
            allowed="a stack whose last update ran without protection",
            next_step=f"mlp up --stack {stack}        (removes the protection; deletes nothing)",
        )
