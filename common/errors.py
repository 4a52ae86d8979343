"""Errors that a user can cause, in one readable shape."""

from __future__ import annotations


class UserError(Exception):
    """Something a user can mend; shown without a traceback, exit status 1.

    Attributes:
        what: What was wrong, in one sentence.
        seen: The value or state that was found.
        allowed: What would have been accepted.
        next_step: The command or edit that mends it.
    """

    def __init__(self, what: str, *, seen: object = None, allowed: object = None, next_step: str | None = None) -> None:
        self.what = what
        self.seen = seen
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(self.render())

    def render(self) -> str:
        """Return the message as shown: one line for the fault, one for each detail that is known."""
        lines = [self.what]
        if self.seen is not None:
            lines.append(f"  seen:    {self.seen}")
        if self.allowed is not None:
            lines.append(f"  allowed: {self.allowed}")
        if self.next_step is not None:
            lines.append(f"  next:    {self.next_step}")
        return "\n".join(lines)
