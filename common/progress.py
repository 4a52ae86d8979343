"""Progress that is never silent: a live bar on a terminal, a line at least every ten seconds elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console

LOG_WIDTH = 120
"""Columns where output goes to a file: tables would be folded to 80 there."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else LOG_WIDTH)
"""Where everything meant for people goes."""

HEARTBEAT_SECONDS = 8.0
"""Silence between two lines of one step; below the ten seconds promised."""


@dataclass
class Step:
    """A running step.

    Attributes:
        title: What is being done.
        estimate: Expected duration in seconds, when known.
        detail: What is happening right now; set it freely from any thread.
    """

    title: str
    estimate: float | None = None
    detail: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def line(self) -> str:
        """Return the heartbeat: title, seconds, what is left, detail."""
        left = ""
        if self.estimate:
            rest = self.estimate - self.seconds
            left = f", about {rest:.0f} s left" if rest >= 1 else f", longer than the usual {self.estimate:.0f} s"
        tail = f" · {self.detail}" if self.detail else ""
        return f"  … {self.title}: {self.seconds:.0f} s{left}{tail}"


@contextlib.contextmanager
def step(title: str, *, estimate: float | None = None) -> Iterator[Step]:
    """Show `title` while the block runs; print its duration, or that it failed, at the end.

    Args:
        title: What is being done, as a phrase.
        estimate: Expected seconds; shows what is left.

    Yields:
        The step, whose `detail` the block may set.
    """
    current = Step(title, estimate)
    over = threading.Event()
    console.print(f"[cyan]▸[/] {title}" + (f" [dim](about {estimate:.0f} s)[/]" if estimate else ""))

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            console.print(current.line(), style="dim", markup=False)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield current
    except BaseException:
        over.set()
        thread.join()
        console.print(f"[red]✗[/] {title} [dim]failed after {current.seconds:.1f} s[/]")
        raise
    over.set()
    thread.join()
    console.print(f"[green]✓[/] {title} [dim]{current.seconds:.1f} s[/]")
