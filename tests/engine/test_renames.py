"""A component that is called something else in code keeps what it made, if it says what it was called."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.objects import password
from tests.engine.stacks import Program, Stack


class Inner(pulumi.ComponentResource):
    """Names its child from itself, as every component here does."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("mlplatform:test:Inner", name, None, opts)
        self.value = password(f"{name}-admin", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


class Outer(pulumi.ComponentResource):
    """Two levels deep, like a store with its server; one child has a name of its own, like a ServiceAccount's role."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:test:Outer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pulumi.export("inner", Inner(f"{name}-server", child).value)
        pulumi.export("own", password("materialization", child))
        self.register_outputs({})


def program(name: str, *aliases: str) -> Program:
    known = [pulumi.Alias(name=alias) for alias in aliases]
    return lambda: Outer(name, pulumi.ResourceOptions(aliases=known))


@pytest.fixture
def alone(tmp_path: Path) -> Stack:
    """A stack that needs no cluster."""
    return Stack(tmp_path, "")


def test_an_alias_on_the_component_keeps_everything_in_it(alone: Stack) -> None:
    before = alone.up(program("postgres")).outputs
    renamed = alone.up(program("database", "postgres"))
    assert renamed.outputs == before
    assert set(renamed.changes) == {"same"}
    passwords = {name for name, entry in alone.resources().items() if entry["custom"]}
    assert passwords == {"database-server-admin", "materialization"}


def test_without_the_alias_everything_would_be_made_anew(alone: Stack) -> None:
    """Shows that the test above could fail."""
    before = alone.up(program("postgres")).outputs
    renamed = alone.up(program("database"))
    assert renamed.outputs["inner"] != before["inner"]
    assert renamed.changes["delete"] >= 2


def test_the_alias_may_go_once_every_stack_has_seen_it(alone: Stack) -> None:
    before = alone.up(program("postgres")).outputs
    alone.up(program("database", "postgres"))
    after = alone.up(program("database"))
    assert after.outputs == before
    assert set(after.changes) == {"same"}
