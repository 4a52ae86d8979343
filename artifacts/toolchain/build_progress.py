"""Shows the progress of a build: turns the output of `go` into a bar, the current package and the remaining time."""

from __future__ import annotations

import threading
from types import TracebackType

from artifacts.toolchain.estimate import bar, in_words, left
from common.progress import Step

TICK_SECONDS = 2.0
"""Seconds between two updates while the compiler prints nothing."""


class BuildProgress:
    """Progress of one build.

    Attributes:
        total: Number of packages to compile; 0 while unknown.
    """

    def __init__(self, step: Step, estimate: float, later: float) -> None:
        """Prepare the display; it starts with the `with` block.

        Args:
            step: Progress step whose detail and estimate are set.
            estimate: Recorded duration of this build, in seconds.
            later: Estimated seconds of the tools that are built afterwards.
        """
        self.total = 0
        self._step = step
        self._estimate = estimate
        self._later = later
        self._done = 0
        self._modules = 0
        self._now = "reading the list of packages"
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> BuildProgress:
        """Start updating the display."""
        self._refresh()
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop updating the display."""
        self._over.set()
        self._ticker.join()

    def downloading(self, line: str) -> None:
        """Process a line of `go list`: a module that is downloaded, or a package."""
        if line.startswith("go: downloading "):
            self._modules += 1
            self.show(f"module {self._modules}: {line.removeprefix('go: downloading ')}")

    def compiling(self, line: str) -> None:
        """Process a line of `go build -v`: the name of a compiled package."""
        self._done += 1
        self.show(line if self._done < self.total else f"linking, after {line}")

    def show(self, now: str) -> None:
        """Set the text for the current activity."""
        self._now = now
        self._refresh()

    def _refresh(self) -> None:
        remaining = left(self._estimate, self._step.seconds, self._done, self.total)
        self._step.estimate = self._step.seconds + remaining
        later = f" · all tools: about {in_words(remaining + self._later)} left" if self._later else ""
        self._step.detail = f"{bar(self._done, self.total)} {self._now}{later}"

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            self._refresh()
