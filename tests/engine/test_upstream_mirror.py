"""Test that the real Go command fetches a module from a folder that replaces every source."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts.manifests import sources
from common.errors import UserError

MODULE, VERSION = "mirror.example/thing", "v1.2.3"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module proxy in a folder, and an empty module cache."""
    versions = tmp_path / "mirror" / MODULE / "@v"
    versions.mkdir(parents=True)
    (versions / "list").write_text(f"{VERSION}\n")
    (versions / f"{VERSION}.info").write_text(f'{{"Version":"{VERSION}"}}')
    (versions / f"{VERSION}.mod").write_text(f"module {MODULE}\n")
    with zipfile.ZipFile(versions / f"{VERSION}.zip", "w") as archive:
        archive.writestr(f"{MODULE}@{VERSION}/go.mod", f"module {MODULE}\n")
        archive.writestr(f"{MODULE}@{VERSION}/deploy/a.yaml", "kind: A\n")
        archive.writestr(f"{MODULE}@{VERSION}/other/b.yaml", "kind: B\n")
    cache = tmp_path / "cache"
    monkeypatch.setenv("GOMODCACHE", str(cache))
    yield tmp_path / "mirror"
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=True)


def test_a_module_comes_from_the_mirror_and_from_nowhere_else(mirror: Path, tmp_path: Path) -> None:
    archive = sources.fetch(MODULE, VERSION, expected=None, mirror=str(mirror))
    assert archive.checksum.startswith("h1:")
    assert sources.fetch(MODULE, VERSION, expected=archive.checksum, mirror=str(mirror)) == archive
    found = sources.unpack(archive, "deploy", tmp_path / "out")
    assert [path.name for path in found.iterdir()] == ["a.yaml"]
    assert not (found.parent / "other").exists()
    with pytest.raises(UserError, match="could not be fetched"):
        sources.fetch("mirror.example/absent", VERSION, expected=None, mirror=str(mirror))


def test_the_variable_names_the_mirror(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.MIRROR_VARIABLE, str(mirror))
    assert sources.fetch(MODULE, VERSION, expected=None).version == VERSION


def test_another_module_under_the_same_version_is_refused_with_both_checksums(mirror: Path) -> None:
    with pytest.raises(UserError, match="differs from the pinned one") as refused:
        sources.fetch(MODULE, VERSION, expected="h1:other", mirror=str(mirror))
    assert refused.value.allowed == "h1:other"
    assert str(refused.value.seen).startswith("h1:")


def test_a_path_the_module_lacks_is_named(mirror: Path, tmp_path: Path) -> None:
    archive = sources.fetch(MODULE, VERSION, expected=None, mirror=str(mirror))
    with pytest.raises(UserError, match="does not contain charts/missing"):
        sources.unpack(archive, "charts/missing", tmp_path / "out")
