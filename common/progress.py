"""Shows the progress of long steps: prints a line when a step starts, at least every ten seconds, and when it ends."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console

LOG_WIDTH = 120
"""Columns of output that goes to a file; rich would wrap tables at 80."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else LOG_WIDTH)
"""Console for all output that people read."""

HEARTBEAT_SECONDS = 8.0
"""Seconds between two lines of one step; below the promised ten seconds."""


@dataclass
class Step:
    """A running step.

    Attributes:
        title: What the step does.
        estimate: Expected duration in seconds, when known.
        detail: What is happening now; any thread may set it.
    """

    title: str
    estimate: float | None = None
    detail: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the step started."""
        return time.monotonic() - self.started

    def line(self) -> str:
        """Return the heartbeat line: title, elapsed seconds, remaining seconds, detail."""
        left = ""
        if self.estimate:
            rest = self.estimate - self.seconds
            left = f", about {rest:.0f} s left" if rest >= 1 else f", longer than the expected {self.estimate:.0f} s"
        tail = f" · {self.detail}" if self.detail else ""
        return f"  … {self.title}: {self.seconds:.0f} s{left}{tail}"


@contextlib.contextmanager
def step(title: str, *, estimate: float | None = None) -> Iterator[Step]:
    """Show `title` while the block runs; at the end, print its duration or that it failed.

    Args:
        title: What the block does, as a phrase.
        estimate: Expected seconds; used to show the remaining time.

    Yields:
        The step; the block may set its `detail`.
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
