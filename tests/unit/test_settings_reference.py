"""The settings reference: current, complete, and true."""

from __future__ import annotations

from pydantic import BaseModel

from infra import reference
from infra.schema import Settings


def test_the_committed_reference_is_current() -> None:
    """Mend it with `python -m infra.reference`."""
    assert reference.PATH.read_text(encoding="utf-8") == reference.reference()


def test_every_key_stands_in_it_with_a_meaning() -> None:
    text = reference.reference()
    for path, section in reference.sections(Settings):
        for name, field in section.model_fields.items():
            row = next(line for line in reference.rows(section) if line.startswith(f"| `{name}` |"))
            assert row in text
            assert not row.endswith("|  |"), f"{path}.{name} has no description"
            assert list(reference.models(field.annotation)) or field.description, f"{path}.{name}"


def test_a_changed_model_changes_the_reference() -> None:
    class Other(BaseModel):
        """Another section."""

        colour: str = "red"

    assert "| `colour` | text | `red` |  |" in reference.rows(Other)
