"""What stands between a command and data that cannot be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlp.errors import UserError

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
