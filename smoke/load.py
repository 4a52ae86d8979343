"""Open-loop load generator: sends requests at a constant rate, independent of the responses to earlier ones.

Latency counts from the time at which a request was due, not from the time at which it was sent. So a stall of the
server counts for every request that was due meanwhile, and a delay of the client cannot hide (it is reported as lag).
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import uvloop

from smoke.keepalive import HttpClient, Reply

T = TypeVar("T")

SPIN_SECONDS = 0.0005
"""Time before a request is due at which the dispatcher wakes and polls, because the event loop's timers are coarse."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Measurement of one request.

    Attributes:
        due: Seconds after the start at which the request was due.
        lag_ms: Milliseconds by which the client sent it late.
        latency_ms: Milliseconds from due time to response.
        reply: The response.
    """

    due: float
    lag_ms: float
    latency_ms: float
    reply: Reply

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.reply.status < 300


Send = Callable[[int], Awaitable[Reply]]
"""Sends the n-th request and returns its reply."""


async def open_loop(send: Send, *, rate: float, seconds: float, timeout: float = 10.0) -> list[Sample]:
    """Send requests at a constant rate and return the sample of each, in the order of their due times.

    Args:
        send: Sends one request; an OSError that it raises becomes a sample without a status.
        rate: Requests per second.
        seconds: Duration; the responses to the last requests may come later.
        timeout: Seconds after which a request without a response counts as failed.
    """
    # The loop's clock is too coarse: uvloop updates it once per iteration, in whole milliseconds.
    clock = time.perf_counter
    count = round(rate * seconds)
    samples: list[Sample | None] = [None] * count
    start = clock() + 0.05

    async def one(number: int, due: float) -> None:
        left = clock()
        try:
            async with asyncio.timeout(timeout):
                reply = await send(number)
        except TimeoutError:
            reply = Reply(0, error=f"no answer within {timeout:g} s")
        except OSError as error:
            reply = Reply(0, error=f"{type(error).__name__}: {error}")
        samples[number] = Sample(due - start, (left - due) * 1e3, (clock() - due) * 1e3, reply)

    tasks = []
    for number in range(count):
        due = start + number / rate
        early = due - clock() - SPIN_SECONDS
        if early > 0:
            await asyncio.sleep(early)
        while clock() < due:
            await asyncio.sleep(0)
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    return [sample for sample in samples if sample is not None]


async def _http(
    url: str, bodies: Sequence[bytes], headers: Mapping[str, str] | None, rate: float, seconds: float, warmup: float
) -> list[Sample]:
    async with HttpClient(url, headers=headers) as client:

        async def send(number: int) -> Reply:
            return await client.send(bodies[number % len(bodies)])

        if warmup > 0:
            await open_loop(send, rate=rate, seconds=warmup)
        return await open_loop(send, rate=rate, seconds=seconds)


def run(
    url: str,
    bodies: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    warmup: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> list[Sample]:
    """Load one URL with POST requests and return the samples after the warm-up.

    Args:
        url: URL of the server.
        bodies: JSON bodies, used in rotation.
        rate: Requests per second.
        seconds: Measured duration.
        warmup: Seconds of unmeasured load before it.
        headers: Additional headers.
    """
    return quiet(lambda: _http(url, bodies, headers, rate, seconds, warmup))


def quiet(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine on uvloop with garbage collection turned off."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())
    finally:
        gc.enable()
        gc.unfreeze()


def quantile(values: Sequence[float], q: float) -> float:
    """Return the `q` quantile by nearest rank; NaN without values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Milliseconds of one phase over all samples that report it.

    Attributes:
        count: Number of samples.
        p50: Median.
        p95: 95th percentile.
        p99: 99th percentile.
        worst: Maximum.
    """

    count: int
    p50: float
    p95: float
    p99: float
    worst: float


def summarize(values: Sequence[float]) -> Summary:
    """Return the quantiles of raw values."""
    top = max(values) if values else math.nan
    return Summary(len(values), quantile(values, 0.50), quantile(values, 0.95), quantile(values, 0.99), top)


def phases(samples: Sequence[Sample]) -> dict[str, Summary]:
    """Summarize successful requests: `client` (due time to response), `lag` of the client, phases of the server."""
    good = [sample for sample in samples if sample.ok]
    names = dict.fromkeys(name for sample in good for name in sample.reply.timing)
    found = {"client": summarize([sample.latency_ms for sample in good])}
    for name in names:
        found[name] = summarize([sample.reply.timing[name] for sample in good if name in sample.reply.timing])
    found["lag"] = summarize([sample.lag_ms for sample in samples])
    return found


def failures(samples: Sequence[Sample]) -> dict[str, int]:
    """Return the number of failed requests, by status and beginning of the error."""
    counts: dict[str, int] = {}
    for sample in samples:
        if not sample.ok:
            text = f"{sample.reply.status or 'no answer'}: {sample.reply.error[:120]}".rstrip(": ")
            counts[text] = counts.get(text, 0) + 1
    return counts
