"""Files that a killed engine left truncated do not stop the next engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlp.engine.lock import drop_torn_attributes, lock_files


def test_torn_attributes_are_removed_and_nothing_else_is(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "mlplatform"
    folder.mkdir(parents=True)
    checkpoint, whole, empty, cut = (
        folder / name for name in ("a.json", "a.json.attrs", "b.json.attrs", "c.json.attrs")
    )
    checkpoint.write_text("")
    whole.write_text('{"user.content_type": "application/json"}')
    empty.write_text("")
    cut.write_text('{"user.content_type": "appl')
    assert drop_torn_attributes(f"file://{tmp_path}") == [empty, cut]
    assert sorted(folder.iterdir()) == [checkpoint, whole]
    assert drop_torn_attributes(f"file://{tmp_path}") == []


@pytest.mark.parametrize("form", ["file://{}", "file://{}?no_tmp_dir=true", "file://~", "file://./"])
def test_locks_are_found_in_every_form_of_a_file_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lock = tmp_path / ".pulumi" / "locks" / "organization" / "mlplatform" / "local" / "a.json"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")
    assert lock_files(form.format(tmp_path), "local") == [lock]
    assert lock_files(form.format(tmp_path), "dev") == []


def test_other_backends_are_left_alone(tmp_path: Path) -> None:
    assert drop_torn_attributes("s3://states") == []
    assert drop_torn_attributes("") == []
    assert drop_torn_attributes(f"file://{tmp_path}/absent") == []
