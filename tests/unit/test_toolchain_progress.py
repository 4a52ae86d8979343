"""What a waiting or building run says."""

from __future__ import annotations

import json

import pytest

from local.toolchain.estimate import bar, duration, in_words
from local.toolchain.lock import holder


def test_bar() -> None:
    assert bar(0, 0) == "░" * 20 + " 0/?"
    assert bar(50, 100) == "█" * 10 + "░" * 10 + " 50/100"
    assert bar(120, 100).startswith("█" * 20)


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "expected"),
    [
        (5, 0, 0, 300),  # nothing known yet: the recorded figure
        (400, 0, 0, 400),  # never less than what has passed
        (100, 50, 100, 0.5 * 300 + 0.5 * 200),  # half by the record, half by this run's speed
        (600, 90, 100, 0.1 * 300 + 0.9 * 600 / 0.9),
        (10, 100, 100, 10),  # nothing left to compile
    ],
)
def test_duration(elapsed: float, done: int, total: int, expected: float) -> None:
    assert duration(300, elapsed, done, total) == pytest.approx(expected)


def test_in_words() -> None:
    assert in_words(40) == "40 s"
    assert in_words(720) == "12 min"


def test_holder_of_a_lock_is_named() -> None:
    text = json.dumps({"pid": 12, "checkout": "/home/one", "work": "the build of etcd"})
    assert holder(text) == "process 12 of /home/one, which is at the build of etcd"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_unreadable_holder(text: str) -> None:
    assert holder(text) == "another run"
