"""Progress output of a build, and of a run that waits for the lock."""

from __future__ import annotations

import json

import pytest

from artifacts.toolchain.build import error_lines
from artifacts.toolchain.build_progress import BuildProgress
from artifacts.toolchain.estimate import bar, in_words, left
from artifacts.toolchain.lock import holder
from common.progress import Step


def test_bar() -> None:
    assert bar(0, 0) == "░" * 20 + " 0/?"
    assert bar(50, 100) == "█" * 10 + "░" * 10 + " 50/100"
    assert bar(120, 100).startswith("█" * 20)


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "expected"),
    [
        (5, 0, 0, 295),  # nothing known yet: the recorded duration
        (400, 0, 0, 0),  # never negative
        (10, 0, 100, 310),  # the list of packages was read, which took time
        (1000, 50, 100, 0.515 * (0.515 * 300 + 1000)),  # slower than recorded: more than the recorded duration
        (20, 50, 100, 0.515 * (0.515 * 300 + 20)),  # faster: less
        (100, 100, 100, 0.03 * (0.03 * 300 + 100)),  # only linking is left
    ],
)
def test_left(elapsed: float, done: int, total: int, expected: float) -> None:
    assert left(300, elapsed, done, total) == pytest.approx(expected)


def test_the_remaining_time_falls_as_packages_are_compiled() -> None:
    values = [left(300, 3.0 * done, done, 100) for done in range(101)]
    assert values == sorted(values, reverse=True)


def test_progress_counts_modules_and_packages_and_shows_the_time_of_all_tools() -> None:
    step = Step("build", 300)
    with BuildProgress(step, 300, 600) as view:
        assert "all tools: about 15 min left" in step.detail
        view.downloading("go: downloading example.org/a v1.0.0")
        assert "module 1: example.org/a v1.0.0" in step.detail
        view.downloading("stale example.org/b")
        view.total = 2
        view.compiling("example.org/b")
        assert step.detail.startswith("█" * 10 + "░" * 10 + " 1/2 example.org/b")
        view.compiling("example.org/c")
        assert "2/2 linking" in step.detail


def test_in_words() -> None:
    assert in_words(40) == "40 s"
    assert in_words(720) == "12 min"


def test_holder_of_a_lock_is_named() -> None:
    text = json.dumps({"pid": 12, "checkout": "/home/one", "work": "building etcd"})
    assert holder(text) == "process 12 of /home/one (building etcd)"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_unreadable_holder(text: str) -> None:
    assert holder(text) == "another run"


def test_a_failure_shows_the_error_not_the_compiled_packages() -> None:
    lines = [
        "go: downloading example.org/a v1.0.0",
        "example.org/a",
        "# example.org/b",
        "b.go:7:2: undefined: x",
        *(f"example.org/c{number}" for number in range(40)),
    ]
    assert error_lines(lines) == ["# example.org/b", "b.go:7:2: undefined: x"]
    assert error_lines(["signal:", "killed"]) == ["signal:", "killed"]
