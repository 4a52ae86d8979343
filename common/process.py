"""Runs a command, logs every line of its output, and ends it when this process dies."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

TAIL_LINES = 15
"""Number of output lines that are shown of a failed command."""


class CommandFailed(Exception):
    """A command ended with an exit status other than 0.

    Attributes:
        lines: Output of the command.
        tail: Last lines of the output.
    """

    def __init__(self, command: list[str], status: int, lines: list[str]) -> None:
        self.lines = lines
        self.tail = lines[-TAIL_LINES:]
        super().__init__(f"`{command[0]} {command[1]}` ended with exit status {status}")


class Log:
    """A log file, with the working folder and the environment of the commands that write to it."""

    def __init__(self, path: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self.folder = folder
        self.environment = environment

    def __enter__(self) -> Log:
        """Open the log and empty it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", buffering=1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the log."""
        self._file.close()

    def write(self, text: str) -> None:
        """Append `text`."""
        self._file.write(text)


def run(log: Log, command: list[str], on_line: Callable[[str], None], *, attempts: int = 1) -> list[str]:
    """Run a command; pass each line of its output to the log and to `on_line`; return the lines.

    The kernel sends TERM to the command when this process dies, even if it is killed.

    Args:
        log: Receives the output; also gives the working folder and the environment.
        command: Program and arguments.
        on_line: Called with each line as soon as it is printed.
        attempts: How many times to try.

    Raises:
        CommandFailed: The last attempt ended with an exit status other than 0.
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
                    on_line(line)
            except BaseException:
                process.terminate()
                raise
        if process.returncode == 0:
            return lines
        log.write(f"exit status {process.returncode}, attempt {attempt} of {attempts}\n")
    raise CommandFailed(command, process.returncode, lines)
