"""Open-loop load: requests leave at a constant rate, whether or not earlier ones were answered.

Latency counts from the moment a request was due, not from when it was sent: a server that stalls is charged for
everyone who would have come meanwhile, and a client that falls behind cannot hide it (its lag is reported as well).
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
"""How early the dispatcher wakes; the event loop's timers are coarser than the intervals matter."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        due: Seconds after the start at which it was to leave.
        lag_ms: Milliseconds by which it left late: the client's own fault.
        latency_ms: Milliseconds from when it was due to its answer.
        reply: What came back.
    """

    due: float
    lag_ms: float
    latency_ms: float
    reply: Reply

    @property
    def ok(self) -> bool:
        """Whether it was answered with 2xx."""
        return 200 <= self.reply.status < 300


Send = Callable[[int], Awaitable[Reply]]
"""Sends the n-th request and returns its reply."""


async def open_loop(send: Send, *, rate: float, seconds: float, timeout: float = 10.0) -> list[Sample]:
    """Send at a constant rate and return every request's sample, in order of their due times.

    Args:
        send: Sends one request; whatever it raises becomes a sample without a status.
        rate: Requests per second.
        seconds: Duration; the last answers are awaited beyond it.
        timeout: Seconds after which an unanswered request counts as failed.
    """
    # Not the loop's clock: uvloop reads it once per iteration, in whole milliseconds.
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
        url: Where to.
        bodies: JSON bodies, taken in turn.
        rate: Requests per second.
        seconds: Measured duration.
        warmup: Seconds of the same load before it, not measured.
        headers: Further headers.
    """
    return quiet(lambda: _http(url, bodies, headers, rate, seconds, warmup))


def quiet(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine on the quickest event loop there is, with garbage collection out of the way."""
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
    """Return the smallest value that at least the share `q` of all do not exceed (nearest rank); NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Milliseconds of one phase over all samples that have it.

    Attributes:
        count: How many samples.
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
    """Summarize answered requests: `client` from due time to answer, `lag` the client's share, and the server's own."""
    good = [sample for sample in samples if sample.ok]
    names = dict.fromkeys(name for sample in good for name in sample.reply.timing)
    found = {"client": summarize([sample.latency_ms for sample in good])}
    for name in names:
        found[name] = summarize([sample.reply.timing[name] for sample in good if name in sample.reply.timing])
    found["lag"] = summarize([sample.lag_ms for sample in samples])
    return found


def failures(samples: Sequence[Sample]) -> dict[str, int]:
    """Return how many requests failed, by status and head of the error."""
    counts: dict[str, int] = {}
    for sample in samples:
        if not sample.ok:
            text = f"{sample.reply.status or 'no answer'}: {sample.reply.error[:120]}".rstrip(": ")
            counts[text] = counts.get(text, 0) + 1
    return counts
