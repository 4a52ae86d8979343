"""Removes two delays of Pulumi's Python SDK that double the time of a preview of hundreds of resources."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import cast

import pulumi
from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.settings import SETTINGS

VARIABLE = "MLP_ENGINE_DEBUG"
"""Environment variable that, when set, keeps the debug messages of Pulumi's SDK; `pulumi up --debug` shows them."""


def paced(program: Callable[[], None], environ: Mapping[str, str] = os.environ) -> Callable[[], None]:
    """Return a program that waits for all values at once and sends no debug messages to the engine.

    The SDK sends about five messages per resource, and its event loop blocks until the engine has received each.

    Args:
        program: Declares the resources.
        environ: Environment with `VARIABLE`.
    """

    def run() -> None:
        if VARIABLE not in environ:
            pulumi.log.debug = nothing
        pulumi.run(settled)
        program()

    return run


def nothing(*_: object, **_more: object) -> None:
    """Drop a message."""


async def settled() -> None:
    """Wait until every value that the program declared is known, or one has failed.

    The SDK waits for the first value and then again for all others. With the five thousand values of `prod` that takes
    half of a preview. A failure is left to the SDK, which waits and reports it as usual.
    """
    calls = cast(RPCManager, SETTINGS.rpc_manager)
    values = cast("set[asyncio.Future[object]]", SETTINGS.outputs)
    while waiting := [task for task in (*values, *cast("list[asyncio.Future[object]]", calls.rpcs)) if not task.done()]:
        ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if calls.unhandled_exception or any(task.cancelled() or task.exception() for task in ended):
            return
