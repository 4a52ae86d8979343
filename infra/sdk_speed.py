"""Keeps two habits of Pulumi's Python SDK from making a preview of hundreds of resources twice as long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import cast

import pulumi
from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.settings import SETTINGS

VARIABLE = "MLP_ENGINE_DEBUG"
"""Set to anything, it lets the debug messages of Pulumi's SDK through; `pulumi up --debug` shows them."""


def paced(program: Callable[[], None], environ: Mapping[str, str] = os.environ) -> Callable[[], None]:
    """Return a program for the engine that waits for its values all at once and sends no debug messages.

    The SDK sends some five messages for each resource, and its event loop stands still until the engine has taken each.

    Args:
        program: Declares the resources.
        environ: Where `VARIABLE` lets the messages through.
    """

    def run() -> None:
        if VARIABLE not in environ:
            pulumi.log.debug = nothing
        pulumi.run(settled)
        program()

    return run


def nothing(*_: object, **_more: object) -> None:
    """Take a message and say nothing."""


async def settled() -> None:
    """Wait until every value that the program declared is there, or anything failed.

    The SDK waits for the first of them and then begins anew with all others: with the five thousand values of `prod`
    that is half of a preview. A failure is left to the SDK, which waits and reports as if this had not been.
    """
    calls = cast(RPCManager, SETTINGS.rpc_manager)
    values = cast("set[asyncio.Future[object]]", SETTINGS.outputs)
    while waiting := [task for task in (*values, *cast("list[asyncio.Future[object]]", calls.rpcs)) if not task.done()]:
        ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if calls.unhandled_exception or any(task.cancelled() or task.exception() for task in ended):
            return
