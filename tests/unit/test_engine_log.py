"""Debug messages of Pulumi's SDK: gone, unless somebody asked for them."""

from __future__ import annotations

import pulumi
import pytest

from infra import engine_log


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the engine as debug messages."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", messages.append)
    return messages


def test_they_are_left_out(said: list[str]) -> None:
    engine_log.leave_out_debug_messages({})
    pulumi.log.debug("registering resource", resource=None)
    assert said == []


def test_whoever_asks_gets_them(said: list[str]) -> None:
    engine_log.leave_out_debug_messages({engine_log.VARIABLE: "1"})
    pulumi.log.debug("registering resource")
    assert said == ["registering resource"]


def test_the_sdk_asks_for_its_function_at_each_message() -> None:
    """Or replacing it would do nothing."""
    from pulumi.runtime import resource, rpc_manager

    assert resource.log is pulumi.log
    assert rpc_manager.log is pulumi.log
