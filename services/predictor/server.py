"""Runs the application with uvicorn: starts in the background, and drains requests before it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from types import FrameType

import uvicorn
from typing_extensions import override

from services.predictor import events
from services.predictor.app import App
from services.predictor.metrics import Metrics
from services.predictor.settings import Settings
from services.predictor.state import State

KEEP_ALIVE_SECONDS = 3700
"""Longer than Envoy keeps an idle upstream connection (one hour), so that the server never closes first."""

FINISH_SECONDS = 10
"""Time to complete running requests when the process ends."""

BACKLOG = 512


class Server(uvicorn.Server):
    """uvicorn server that drains on SIGTERM: it reports not ready and keeps answering until the gateway has noticed."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining; a second signal, or SIGINT, ends the server at once."""
        del frame
        if self._state.draining or sig == signal.SIGINT:
            self.should_exit = True
            return
        self._state.draining = True
        events.emit("draining", seconds=self._state.settings.drain_seconds)
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._state.settings.drain_seconds, self._leave)

    def _leave(self) -> None:
        self.should_exit = True


async def serve(settings: Settings) -> None:
    """Serve until a signal stops the process."""
    metrics = Metrics()
    state = State(settings, metrics)
    config = uvicorn.Config(
        App(state, metrics),
        host=settings.host,
        port=settings.port,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    background = asyncio.create_task(_background(state))
    try:
        await Server(config, state).serve()
    finally:
        background.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await background
        await state.close()
        events.emit("stopped")


async def _background(state: State) -> None:
    await state.start()
    tune()
    await state.keep_fresh()


def tune() -> None:
    """Reduce delays of requests by the garbage collector and by background threads.

    Exclude imported modules and loaded data from collection, because they live as long as the process. Collect rarely,
    because a request creates few reference cycles. Switch threads often, so that the thread that reads the registry
    does not delay requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    sys.setswitchinterval(0.0005)
