"""A program that waits for its values in its own way ends, and fails, as the engine's users know it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_random as random
import pytest
from pulumi.automation import CommandError

from infra.sdk_speed import paced
from tests.engine.stacks import Stack


def chain(length: int) -> pulumi.Output[str]:
    """Declare resources of which each needs what the one before made, and return the last one's value."""
    last: pulumi.Output[str] = pulumi.Output.from_input("start")
    for number in range(length):
        last = random.RandomId(f"id-{number}", byte_length=4, keepers={"before": last}).hex
    return last


def test_values_of_values_are_there_at_the_end(alone: Stack) -> None:
    @paced
    def program() -> None:
        late = chain(5).apply(lambda text: pulumi.Output.from_input(text).apply(lambda inner: inner[::-1]))
        pulumi.export("late", late)
        pulumi.export("made of it", late.apply(len))

    assert alone.preview(program).changes["create"] == 6
    done = alone.up(program)
    assert done.changes["create"] == 6
    assert done.outputs["made of it"] == 8
    assert len(done.outputs["late"]) == 8


def provider_refuses() -> None:
    random.RandomString("word", length=0, min_lower=3)
    chain(3)


def value_breaks() -> None:
    chain(3).apply(lambda text: {}[f"nothing under {len(text)}"])


def program_breaks() -> None:
    chain(3)
    raise LookupError("no such setting")


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (provider_refuses, "the minima add up to 3, more than length 0"),
        (value_breaks, "KeyError: 'nothing under 8'"),
        (program_breaks, "LookupError: no such setting"),
    ],
)
def test_a_failure_is_told_as_without_it(tmp_path: Path, declare: Callable[[], None], words: str) -> None:
    told: list[int] = []
    for name, program in (("plain", declare), ("paced", paced(declare))):
        with pytest.raises(CommandError) as failure:
            Stack(tmp_path / name, "{}").up(program)
        told.append(str(failure.value).partition("Diagnostics:")[2].count(words))
    assert told[0] >= 1
    assert told[1] == told[0]
