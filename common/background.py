"""Runs work in a thread and raises its exception where the thread is joined."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """A thread that starts at once; `join` raises the exception that ended it.

    The thread is a daemon: it ends with the process, so its work must be safe to interrupt.
    """

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guard, daemon=True)
        self._thread.start()

    def _guard(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._error = error

    def join(self) -> None:
        """Wait until the work has ended.

        Raises:
            BaseException: The exception that the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
