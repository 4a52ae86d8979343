"""Creates separate virtual environments on demand, for programs whose requirements conflict with the project's."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from common import paths, progress
from common.errors import UserError

FOLDER = paths.WORK / "environments"
KEY_LENGTH = 12
PACK_LINK = FOLDER / "policy-pack"
PACK_REQUIREMENTS = Path(__file__).parent / "pack" / "requirements.txt"


def place(name: str, requirements: Path) -> Path:
    """Return the folder of an environment; it is different for other requirements and for another Python."""
    content = requirements.read_bytes() + sys.version.encode()
    return FOLDER / f"{name}-{hashlib.sha256(content).hexdigest()[:KEY_LENGTH]}"


def ensure(name: str, requirements: Path, *, estimate: float) -> Path:
    """Return the Python of an environment with exactly the requirements; create the environment when it is missing.

    Args:
        name: Name of the program.
        requirements: Compiled requirements file, with hashes.
        estimate: Expected seconds of the creation, for the progress line.

    Raises:
        UserError: The requirements could not be installed.
    """
    folder = place(name, requirements)
    if folder.exists():
        return folder / "bin" / "python"
    building = folder.with_name(f".{folder.name}-{os.getpid()}")
    with progress.step(f"Creating the Python environment of {name}", estimate=estimate):
        _run([sys.executable, "-m", "venv", "--without-pip", str(building)], name)
        install = ["pip", "install", "--quiet", "--require-hashes", "--python", str(building / "bin" / "python")]
        _run([str(paths.VENV / "bin" / "uv"), *install, "-r", str(requirements)], name)
    # Installed scripts contain the path of the folder. Only `python -m` is used, so the folder can be renamed.
    try:
        building.rename(folder)
    except OSError:  # another process created it first
        shutil.rmtree(building, ignore_errors=True)
    return folder / "bin" / "python"


def ensure_policy_pack() -> Path:
    """Create the policy pack's environment and return the link to it, whose path is in PulumiPolicy.yaml.

    Raises:
        UserError: The requirements could not be installed.
    """
    folder = ensure("policy-pack", PACK_REQUIREMENTS, estimate=30).parent.parent
    if not PACK_LINK.is_symlink() or PACK_LINK.readlink() != folder:
        fresh = PACK_LINK.with_name(f".{PACK_LINK.name}.{os.getpid()}")
        fresh.symlink_to(folder)
        fresh.replace(PACK_LINK)
    return PACK_LINK


def _run(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"The Python environment of {name} could not be created.",
            seen=done.stderr.strip()[-600:],
            next_step="check that the Python package index can be reached, then run the command again",
        )
