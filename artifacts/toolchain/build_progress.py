"""Turns the compiler's lines into a bar, what is being done, and what is left."""

from __future__ import annotations

import threading
from types import TracebackType

from artifacts.toolchain.estimate import bar, in_words, left
from common.progress import Step

TICK_SECONDS = 2.0
"""Between two estimates while the compiler says nothing."""


class BuildProgress:
    """The view of one build.

    Attributes:
        total: Packages to compile; 0 until it is known.
    """

    def __init__(self, step: Step, estimate: float, later: float) -> None:
        """Make the view.

        Args:
            step: Where it shows.
            estimate: Recorded length of this build, in seconds.
            later: Seconds that the tools after it will take.
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
        """Begin to show."""
        self._refresh()
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop showing."""
        self._over.set()
        self._ticker.join()

    def downloading(self, line: str) -> None:
        """Take a line of `go list`: a module that is fetched, or a package."""
        if line.startswith("go: downloading "):
            self._modules += 1
            self.show(f"module {self._modules}: {line.removeprefix('go: downloading ')}")

    def compiling(self, line: str) -> None:
        """Take a line of `go build -v`: the name of a package that is compiled."""
        self._done += 1
        self.show(line if self._done < self.total else f"linking, after {line}")

    def show(self, now: str) -> None:
        """Say what happens now."""
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
