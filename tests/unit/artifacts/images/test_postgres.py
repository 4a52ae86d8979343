"""The entry script of the Postgres image refuses data of another major version. The server's programs are fakes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from common.paths import ROOT

VERSION = "postgres (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)"

POSTGRES = f"""#!/bin/sh
case "$1" in --version) echo "{VERSION}" ;; *) echo started ;; esac
"""

INITDB = """#!/bin/sh
for word; do
  case "$word" in --pgdata=*) mkdir "${word#--pgdata=}"; echo 17 > "${word#--pgdata=}/PG_VERSION" ;; esac
done
"""


ENTRY = ROOT / "artifacts" / "images" / "postgres" / "entrypoint"
PASSWORD = ROOT / "components" / "substrates" / "local" / "scripts" / "password.sh"
"""Script that prepares the volume before the entry script runs."""


def run(folder: Path, script: Path = ENTRY) -> subprocess.CompletedProcess[str]:
    """Run a script of the image on `folder`/data."""
    programs = folder / "bin"
    programs.mkdir()
    check = (ENTRY.parent / "check-data").read_text()
    for name, text in {"postgres": POSTGRES, "initdb": INITDB, "postgres-check-data": check}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (folder / "password").write_text("p")
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PGDATA": str(folder / "data"),
        "POSTGRES_PASSWORD_FILE": str(folder / "password"),
    }
    return subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, check=False)


def content(folder: Path) -> dict[str, str]:
    """Return path -> text of every file below `folder`."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("script", [ENTRY, PASSWORD], ids=lambda path: path.name)
@pytest.mark.parametrize("found", ["15", "18"])
def test_data_of_another_major_version_are_refused_and_kept(tmp_path: Path, found: str, script: Path) -> None:
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    (data / "PG_VERSION").write_text(f"{found}\n")
    (data / "base" / "1").write_text("rows")
    before = content(data)
    ended = run(tmp_path, script)
    assert ended.returncode == 78
    assert f"holds data of PostgreSQL {found}, this image is PostgreSQL 17. Nothing was changed." in ended.stderr
    assert "mlp cluster reset" in ended.stderr
    assert "started" not in ended.stdout
    assert content(data) == before


def test_files_that_are_no_database_are_refused_and_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "notes").write_text("mine")
    ended = run(tmp_path)
    assert ended.returncode == 78
    assert "no PG_VERSION" in ended.stderr
    assert content(data) == {"notes": "mine"}


@pytest.mark.parametrize("there", [True, False])
def test_data_of_the_same_major_version_and_an_empty_volume_are_started(tmp_path: Path, *, there: bool) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if there:
        (data / "PG_VERSION").write_text("17\n")
        (data / "rows").write_text("mine")
    ended = run(tmp_path)
    assert (ended.returncode, ended.stdout.strip()) == (0, "started"), ended.stderr
    assert (data / "PG_VERSION").read_text() == "17\n"
    assert ("rows" in content(data)) == there
