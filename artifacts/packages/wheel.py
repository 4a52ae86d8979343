"""Installs programs that are published as Python wheels, such as Go and npm, into a folder of the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from common import progress
from common.errors import UserError


def install(requirements: Path, folder: Path, *, program: str, title: str, estimate: float, remedy: str) -> None:
    """Install the wheels that `requirements` pins into `folder`, replacing it in one step.

    Args:
        requirements: Requirements file with a version and hashes for each wheel.
        folder: Target folder; an interrupted installation leaves it as it was.
        program: Name of the program, for the error message.
        title: Title of the progress step.
        estimate: Expected seconds.
        remedy: How the user can install the program without the wheel.

    Raises:
        UserError: pip failed; shows the end of its output.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(temporary)]
    with progress.step(title, estimate=estimate):
        done = subprocess.run(
            [*command, "--require-hashes", "-r", str(requirements)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UserError(
                f"{program} could not be installed from its wheel",
                seen=done.stderr.strip()[-600:],
                next_step=f"{remedy}, or fix the access to the Python package index",
            )
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
