"""Marks every test with the tier of its folder, and runs the quick tiers first."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

TIERS = ("unit", "engine", "cluster")
HERE = Path(__file__).parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job in the background of a script ignores it, and so would every program that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(getattr(pytest.mark, tier(item)))
    items.sort(key=lambda item: TIERS.index(tier(item)))


def tier(item: pytest.Item) -> str:
    """Return the folder of a test directly below `tests/`."""
    return item.path.relative_to(HERE).parts[0]
