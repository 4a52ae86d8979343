"""Test that an `up` of the whole platform on AWS converges after kills: nothing exists twice or is orphaned."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import manifests
from mlp.engine.lock import drop_pending_operations
from tests.engine.aws import ACCOUNTS, REGION, AwsStack
from tests.engine.aws_inventory import inventory
from tests.engine.aws_world import World, world

POINTS = int(os.environ.get("MLP_TEST_AWS_KILLS", "2"))
"""Number of kills, also part of the test's name; MLP_TEST_AWS_KILLS=20 takes about ten minutes."""

SEED = 20


@pytest.fixture
def found(tmp_path: Path) -> Iterator[World]:
    manifests.ensure()
    with world(tmp_path / "world", ACCOUNTS["dev"], REGION) as running:
        yield running


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [POINTS], ids=[f"{POINTS}-points"])
def test_killed_at_seeded_points_it_converges(
    found: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    for name, value in found.account.environment.items():
        monkeypatch.setenv(name, value)
    stack = AwsStack.of(tmp_path / "stack", found.account, "dev")
    total = sum(stack.preview(AwsStack.program).changes.values())
    # Include the last resources, because an `up` waits longest there.
    points = sorted({*random.Random(SEED).sample(range(4, total), count - 1), total - 1})
    done = 0
    for point in points:
        wanted = max(point - done, 1)
        stack.killed_up(AwsStack.program, lambda wanted=wanted: created(stack) >= wanted)
        stack.unlock()
        drop_pending_operations(stack.auto)
        done = len((stack.auto.export_stack().deployment or {}).get("resources", []))
    stack.up(AwsStack.program)
    assert stack.up(AwsStack.program).changes.keys() == {"same"}
    stack.destroy()
    found.settle()
    assert inventory(found.account) == {}


def created(stack: AwsStack) -> int:
    """Return the number of resources that this `up` has begun to create."""
    starts = [event.resource_pre_event for event in stack.events if event.resource_pre_event]
    return sum(1 for start in starts if str(getattr(start.metadata.op, "value", start.metadata.op)) == "create")
