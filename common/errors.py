"""The error that users see: what was wrong, what was seen, what is allowed, what to do next."""

from __future__ import annotations


class UserError(Exception):
    """An error that a user can fix; shown without a traceback, exit status 1.

    Attributes:
        what: What was wrong, in one sentence.
        seen: The value or state that was found.
        allowed: The values that are accepted.
        next_step: The command or edit that fixes it.
    """

    def __init__(self, what: str, *, seen: object = None, allowed: object = None, next_step: str | None = None) -> None:
        self.what = what
        self.seen = seen
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(self.render())

    def render(self) -> str:
        """Return the message as shown: one line for the error, one for each known detail."""
        lines = [self.what]
        if self.seen is not None:
            lines.append(f"  seen:    {self.seen}")
        if self.allowed is not None:
            lines.append(f"  allowed: {self.allowed}")
        if self.next_step is not None:
            lines.append(f"  next:    {self.next_step}")
        return "\n".join(lines)
