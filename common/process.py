"""Runs a command with every line of its output in a log, and lets it die with us."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

TAIL_LINES = 15
"""Lines of a failed command's output that are shown."""


class CommandFailed(Exception):
    """A command ended with a status other than 0.

    Attributes:
        lines: Its output.
        tail: The last lines of it.
    """

    def __init__(self, command: list[str], status: int, lines: list[str]) -> None:
        self.lines = lines
        self.tail = lines[-TAIL_LINES:]
        super().__init__(f"`{command[0]} {command[1]}` ended with exit status {status}")


class Log:
    """A log file, and the folder and environment of the commands that write to it."""

    def __init__(self, path: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self.folder = folder
        self.environment = environment

    def __enter__(self) -> Log:
        """Open the log, emptying it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", buffering=1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the log."""
        self._file.close()

    def write(self, text: str) -> None:
        """Append `text`."""
        self._file.write(text)


def run(log: Log, command: list[str], see: Callable[[str], None], *, attempts: int = 1) -> list[str]:
    """Run a command, giving each line of its output to the log and to `see`; return the lines.

    The command gets TERM when this process dies, however it dies.

    Args:
        log: Where its output goes, and where it runs.
        command: Program and arguments.
        see: Called with each line, as it comes.
        attempts: How often it is tried.

    Raises:
        CommandFailed: The last attempt ended with a status other than 0.
    """
    for attempt in range(1, attempts + 1):
        log.write(f"$ {' '.join(command)}\n")
        lines: list[str] = []
        with subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *command],
            cwd=log.folder,
            env=log.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for raw in process.stdout or ():
                    line = raw.rstrip("\n")
                    log.write(f"{line}\n")
                    lines.append(line)
                    see(line)
            except BaseException:
                process.terminate()
                raise
        if process.returncode == 0:
            return lines
        log.write(f"exit status {process.returncode}, attempt {attempt} of {attempts}\n")
    raise CommandFailed(command, process.returncode, lines)
