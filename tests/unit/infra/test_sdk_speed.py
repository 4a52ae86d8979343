"""Test the changes to Pulumi's SDK: debug messages are not sent, and all values are awaited at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pulumi
import pytest

from infra import sdk_speed as pace


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that collects the debug messages sent to the engine."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", messages.append)
    return messages


@pytest.mark.parametrize(("environ", "left"), [({}, []), ({pace.VARIABLE: "1"}, ["registering resource"])])
def test_debug_messages_are_left_out_unless_somebody_asks(
    said: list[str], monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], left: list[str]
) -> None:
    entries: list[object] = []
    monkeypatch.setattr(pulumi, "run", entries.append)
    pace.paced(lambda: pulumi.log.debug("registering resource"), environ)()
    assert said == left
    assert entries == [pace.settled]


def test_the_sdk_asks_for_its_function_at_each_message() -> None:
    """Otherwise replacing the function would have no effect."""
    from pulumi.runtime import resource, rpc_manager

    assert resource.log is pulumi.log
    assert rpc_manager.log is pulumi.log


def waits(monkeypatch: pytest.MonkeyPatch, *, fails: int | None = None) -> tuple[int, int]:
    """Settle 200 values that arrive one after the other, each of which after the first adds one more.

    Args:
        monkeypatch: Fixture of the test.
        fails: Number of the value that fails instead.

    Returns:
        How often the remaining values were awaited, and how many had arrived at the end.
    """
    real: Callable[..., object] = asyncio.wait
    calls: list[int] = []

    async def counted(tasks: list[object], **options: object) -> object:
        calls.append(len(tasks))
        return await real(tasks, **options)  # type: ignore[misc]

    async def main() -> int:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(100)]
        outputs = set(futures)
        monkeypatch.setattr(
            pace,
            "SETTINGS",
            SimpleNamespace(outputs=outputs, rpc_manager=SimpleNamespace(rpcs=[], unhandled_exception=None)),
        )

        async def come() -> None:
            for number, future in enumerate(futures):
                await asyncio.sleep(0)
                outputs.add(loop.create_task(asyncio.sleep(0)))
                if number == fails:
                    future.set_exception(ValueError("it broke"))
                    return
                future.set_result(None)

        monkeypatch.setattr(asyncio, "wait", counted)
        coming = asyncio.create_task(come())
        await asyncio.wait_for(pace.settled(), 10)
        await coming
        return sum(future.done() and not future.exception() for future in futures)

    came = asyncio.run(main())
    return len(calls), came


def test_values_are_waited_for_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count, came = waits(monkeypatch)
    assert came == 100
    assert count <= 3


def test_a_failure_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    _, came = waits(monkeypatch, fails=40)
    assert came == 40
