"""Runs a program of an image build: writes its output to the log and shows the latest line as progress."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from common.errors import UserError
from common.progress import Step

TAIL_LINES = 15
"""Number of log lines that are shown of a failed build."""

DETAIL_WIDTH = 90


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    log: Path,
    step: Step,
    environment: Mapping[str, str] | None = None,
    allowed: Collection[int] = (0,),
) -> None:
    """Run `command` until it ends. The kernel sends TERM to it when this process dies, even if it is killed.

    Args:
        command: Program and arguments.
        what: What the program works on, for messages: `image redis`.
        log: File to which the output is appended.
        step: Its detail is set to the latest line of output.
        environment: Variables in addition to those of this process.
        allowed: Exit statuses that mean success.

    Raises:
        UserError: The program is missing, or its exit status is not allowed; shows the last lines of the log.
    """
    words = ["setpriv", "--pdeathsig", "TERM", "--", *(str(word) for word in command)]
    with log.open("a") as out:
        out.write(f"$ {' '.join(words[4:])}\n")
        out.flush()
        try:
            process = subprocess.Popen(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                env={**os.environ, **(environment or {})},
            )
        except FileNotFoundError:
            raise UserError(
                f"The program {words[0]} is missing; {what} needs it.", seen="not on PATH", next_step="mlp doctor"
            ) from None
        with process:
            assert process.stdout is not None  # noqa: S101 - stdout=PIPE
            for line in process.stdout:
                out.write(line)
                out.flush()
                if line.strip():
                    step.detail = line.strip()[:DETAIL_WIDTH]
    if process.returncode not in allowed:
        raise UserError(
            f"{Path(words[4]).name} failed for {what} with exit status {process.returncode}.",
            seen="\n" + tail(log),
            next_step=f"read {log}, fix the cause and run the same command again; finished images are kept",
        )
