"""What a killed engine left half-written does not stop the next one."""

from __future__ import annotations

from pathlib import Path

from mlp.engine.lock import drop_torn_attributes


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


def test_other_backends_are_left_alone(tmp_path: Path) -> None:
    assert drop_torn_attributes("s3://states") == []
    assert drop_torn_attributes("") == []
    assert drop_torn_attributes(f"file://{tmp_path}/absent") == []
