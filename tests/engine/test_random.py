"""Random values: generated once, kept, replaced when a keeper changes, and secret if they are passwords."""

from __future__ import annotations

import re

import pulumi
import pulumi_random as random

from tests.engine.stacks import Program, Stack


def values(keeper: str = "1", length: int = 24) -> Program:
    def run() -> None:
        password = random.RandomPassword("password", length=length, special=False, min_numeric=4, keepers={"k": keeper})
        pulumi.export("password", password.result)
        pulumi.export("text", random.RandomString("text", length=8, upper=False, special=False).result)
        pulumi.export("id", random.RandomId("id", byte_length=4, prefix="p-").hex)
        pulumi.export("uuid", random.RandomUuid("uuid").result)
        pulumi.export("number", random.RandomInteger("number", min=3, max=5).result)
        pulumi.export("pet", random.RandomPet("pet", length=2).id)
        pulumi.export("order", random.RandomShuffle("order", inputs=["a", "b", "c"]).results)
        pulumi.export("bytes", random.RandomBytes("bytes", length=16).base64)

    return run


def test_values_are_kept_and_secret(stack: Stack) -> None:
    first = stack.up(values())
    out = first.outputs
    assert re.fullmatch(r"[A-Za-z0-9]{24}", out["password"])
    assert sum(c.isdigit() for c in out["password"]) >= 4
    assert re.fullmatch(r"[a-z0-9]{8}", out["text"])
    assert re.fullmatch(r"p-[0-9a-f]{8}", out["id"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", out["uuid"])
    assert out["number"] in (3, 4, 5)
    assert len(out["pet"].split("-")) == 2
    assert sorted(out["order"]) == ["a", "b", "c"]
    assert out["password"] not in stack.raw_state()
    assert out["bytes"] not in stack.raw_state()
    assert out["password"] not in first.text

    second = stack.up(values())
    assert second.outputs == out
    assert second.operations() == {}


def test_only_a_changed_keeper_replaces_the_value(stack: Stack) -> None:
    before = stack.up(values()).outputs
    after = stack.up(values(keeper="2")).outputs
    assert {key for key in before if before[key] != after[key]} == {"password"}


def test_an_unknown_input_is_named(stack: Stack) -> None:
    class Wrong(pulumi.CustomResource):
        def __init__(self) -> None:
            super().__init__("random:index/randomPassword:RandomPassword", "wrong", {"lenght": 3})

    output = stack.failure(Wrong)
    assert "lenght" in output
    assert "is required" in output
