"""The process: uvicorn around the application, start in the background, orderly end."""

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
"""Longer than Envoy keeps an idle upstream connection (one hour), so that it is never the server that closes first."""

FINISH_SECONDS = 10
"""Time that requests in work get when the process ends."""

BACKLOG = 512


class Server(uvicorn.Server):
    """uvicorn that, on SIGTERM, first refuses readiness and goes on answering until the gateway has noticed."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal ends it at once."""
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
    """Serve until told to stop."""
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
    """Keep the garbage collector and background threads out of the way of requests.

    What was imported and loaded lives as long as the process: it is taken out of collection. A request makes few
    cycles, so collection can be rare. The registry is read by a thread, which must give way to requests at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    sys.setswitchinterval(0.0005)
