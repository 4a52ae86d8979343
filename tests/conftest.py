"""Marks every test with the tier of its folder, so that a tier is chosen by marker or by path alike."""

from __future__ import annotations

from pathlib import Path

import pytest

TIERS = {"unit", "engine", "cluster"}
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = item.path.relative_to(HERE).parts[0]
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))
