"""Runs the programs a build needs: output into the image's log, the newest line into the progress."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from common.errors import UserError
from common.progress import Step

TAIL_LINES = 15
"""Lines of a failed build's log that are shown."""

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
    """Run `command` to its end; it gets TERM when this process dies, however it dies.

    Args:
        command: Program and arguments.
        what: What failed when it fails, `image redis`.
        log: File that its output is added to.
        step: Its detail becomes the newest line.
        environment: Variables beside the present ones.
        allowed: Exit statuses that mean success.

    Raises:
        UserError: The program is missing or its exit status is not allowed; has the log's last lines.
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
                f"{what} cannot be built without {words[0]}", seen="no such program on PATH", next_step="mlp doctor"
            ) from None
        with process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            for line in process.stdout:
                out.write(line)
                out.flush()
                if line.strip():
                    step.detail = line.strip()[:DETAIL_WIDTH]
    if process.returncode not in allowed:
        raise UserError(
            f"{what} could not be built: {Path(words[4]).name} ended with status {process.returncode}",
            seen="\n" + tail(log),
            next_step=f"read {log}, remove the cause and run the same command again; what is built stays built",
        )
