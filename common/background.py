"""Work beside other work, in a thread whose failure is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """A thread that begins at once; its exception is raised where it is joined.

    It ends with the process: what it does must be safe to interrupt.
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
        """Wait for the end of the work.

        Raises:
            BaseException: Whatever the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
