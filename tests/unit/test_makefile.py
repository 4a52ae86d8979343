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


def would_run(target: str) -> str:
    """Return what make would run for a target, in this checkout; nothing is run."""
    return subprocess.run(
        ["make", "--dry-run", target], cwd=paths.ROOT, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    "command",
    ["ruff check .", "ruff format --check .", "pyrefly check", "lint-imports", "-m tests.prose.check"],
)
@pytest.mark.parametrize("target", ["quick", "check"])
def test_quick_and_check_run_everything_that_needs_no_test(target: str, command: str) -> None:
    assert command in would_run(target)


def test_only_check_runs_the_unit_tier() -> None:
    assert "pytest tests/unit" in would_run("check")
    assert "pytest tests" not in would_run("quick")


def test_format_changes_files_and_quick_does_not() -> None:
    assert "ruff check --fix ." in would_run("format")
    assert "--fix" not in would_run("quick")


def test_docs_are_built_strictly() -> None:
    assert "mkdocs build --strict" in would_run("docs")
