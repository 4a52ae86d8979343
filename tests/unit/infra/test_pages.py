"""Test that the generated pages are current, complete and correct."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from infra import pages
from infra.schema import SETTINGS

PAGES = pages.pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_committed_pages_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run python -m infra.pages"


def test_every_key_stands_in_them_with_a_meaning() -> None:
    text = "\n".join(PAGES.values())
    for path, section in pages.sections(SETTINGS):
        for name, field in section.model_fields.items():
            row = next(line for line in pages.rows(section) if line.startswith(f"| `{name}` |"))
            assert row in text or path == ""
            described = field.description or list(pages.models(field.annotation))
            assert described, f"{path}.{name} has no description"


def test_a_changed_model_changes_the_reference() -> None:
    class Other(BaseModel):
        """Another section."""

        colour: str = "red"

    assert "| `colour` | text | `red` |  |" in pages.rows(Other)
