"""`make` makes the Python environment whenever it is not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from common import paths

SOURCES = ("requirements/bootstrap.txt", "requirements/dev.txt", "pyproject.toml")


@pytest.mark.parametrize("there", [True, False])
def test_a_stamp_without_its_environment_stamps_nothing(tmp_path: Path, there: bool) -> None:
    shutil.copy(paths.ROOT / "Makefile", tmp_path)
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    program = tmp_path / ".mlp" / "venv" / "bin" / "mlp"
    program.parent.mkdir(parents=True)
    if there:
        program.touch()
    (tmp_path / ".mlp" / "venv.stamp").touch()
    # What make would run: nothing is run.
    said = subprocess.run(
        ["make", "--dry-run", ".mlp/venv.stamp"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert ("-m venv .mlp/venv" in said) is not there
