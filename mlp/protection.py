"""What stands between a command and data that cannot be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import UserError

if TYPE_CHECKING:
    from infra.schema import Settings


def refuse_while_protected(settings: Settings, stack: str) -> None:
    """Refuse to destroy a stack whose data is protected.

    Raises:
        UserError: It is; says what to do, in order.
    """
    if settings.aws is None or not settings.aws.protect_data:
        return
    also = f", and mlplatform:aws.decommission to {stack}" if settings.aws.tier == "production" else ""
    left = "a last snapshot" if settings.aws.final_snapshots else "nothing"
    steps = [
        f"1. make sure that nobody needs the data: databases and Redis leave {left} behind",
        "   (aws.final_snapshots), buckets and the shared file system are gone for good",
        f"2. set mlplatform:aws.protect_data to false{also} in stacks/Pulumi.{stack}.yaml, in a reviewed change",
        f"3. mlp up --stack {stack}        (takes the protection off; deletes nothing)",
        f"4. mlp destroy --stack {stack}",
    ]
    raise UserError(
        f"Stack {stack} holds protected data; nothing was deleted.",
        seen="mlplatform:aws.protect_data: true",
        allowed="a stack without protection",
        next_step="\n           ".join(steps),
    )


def refuse_protected_resources(deployment: Mapping[str, Any], stack: str) -> None:
    """Refuse to destroy a stack whose state still protects something.

    The engine notices only when it comes to a protected resource. By then it has deleted what no protected one needs,
    unless a preview went first.

    Args:
        deployment: The stack's exported deployment.
        stack: Its name.

    Raises:
        UserError: Something is protected; says how much, and what to do.
    """
    names = [str(entry["urn"]).split("::")[-1] for entry in deployment.get("resources") or [] if entry.get("protect")]
    if names:
        raise UserError(
            f"Stack {stack} still protects some of its resources; nothing was deleted.",
            seen=f"{len(names)} protected: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}",
            allowed="a stack whose last update had protection off",
            next_step=f"mlp up --stack {stack}        (takes the protection off; deletes nothing)",
        )
