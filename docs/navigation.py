"""Hooks of mkdocs: lists the pages of a folder after its index, and lets a link name a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

FOLDERS = ("applications", "decisions")
"""Folders below docs/ of which every page is listed, so that a new page needs no line in mkdocs.yml."""


def on_config(config: Any) -> Any:  # noqa: ANN401 - mkdocs carries no usable types
    """Add the pages of each folder to the navigation, sorted by file name."""
    for section in config.nav:
        for items in section.values():
            for folder in FOLDERS:
                index = f"{folder}/index.md"
                if isinstance(items, list) and index in items:
                    pages = sorted(path.name for path in (Path(config.docs_dir) / folder).glob("*.md"))
                    items[:] = [index, *(f"{folder}/{name}" for name in pages if name != "index.md")]
    return config


def on_page_markdown(markdown: str, **_: object) -> str:
    """Point a link to a folder at its index page, as the repository's web pages do."""
    return re.sub(r"\]\((?!\w+:)([^)#\s]*/)\)", r"](\1index.md)", markdown)
