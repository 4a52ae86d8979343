"""Load generator: it keeps its rate, counts a stall for every request due meanwhile, and counts every failure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from smoke.keepalive import HttpClient, Reply, server_timing
from smoke.load import failures, open_loop, phases, quantile, quiet, run, summarize

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMING = b"features;dur=0.7, predict;dur=0.04, total;dur=1.5"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver-timing: %b\r\n\r\n{}" % TIMING


def serve(handler: Handler, scenario: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        listener = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            await scenario(f"http://127.0.0.1:{port}/x")
        finally:
            listener.close()

    quiet(main)


async def take(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def test_requests_leave_at_the_rate_over_reused_connections() -> None:
    seen: list[bytes] = []
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while not reader.at_eof():
            try:
                seen.append(await take(reader))
            except asyncio.IncompleteReadError:
                break
            writer.write(OK)
        writer.close()

    async def scenario(url: str) -> None:
        async with HttpClient(url, headers={"X-A": "b"}) as client:
            samples = await open_loop(lambda number: client.send(b"%d" % number), rate=200, seconds=0.5)
            bodies = [text.split(b"\r\n\r\n")[1] for text in seen]
            before = connections
            for _ in range(5):
                await client.send(b"1")
            assert connections == before
        assert len(samples) == 100
        assert [round(sample.due * 200) for sample in samples] == list(range(100))
        assert all(sample.ok for sample in samples)
        assert phases(samples)["features"].p50 == 0.7
        assert sorted(map(int, bodies)) == list(range(100))
        assert b"X-A: b\r\n" in seen[0]

    serve(handler, scenario)


def test_a_stall_is_charged_to_all_that_were_due_meanwhile() -> None:
    """A closed loop would send one slow request; in an open loop every request due during the stall is slow."""

    async def scenario() -> None:
        over = asyncio.Event()

        async def send(number: int) -> Reply:
            if number == 0:
                asyncio.get_running_loop().call_later(0.4, over.set)
            await over.wait()
            return Reply(200)

        samples = await open_loop(send, rate=100, seconds=0.6)
        slow = [sample for sample in samples if sample.latency_ms > 50]
        assert len(slow) >= 25

    quiet(scenario)


def test_a_client_that_falls_behind_reports_its_lag_and_the_whole_latency() -> None:
    import time

    async def scenario() -> None:
        async def send(number: int) -> Reply:
            if number == 5:
                time.sleep(0.2)
            return Reply(200)

        samples = await open_loop(send, rate=100, seconds=0.2)
        assert max(sample.lag_ms for sample in samples) > 100
        assert all(sample.latency_ms >= sample.lag_ms for sample in samples)

    quiet(scenario)


def test_failures_are_counted_and_not_part_of_the_latency() -> None:
    async def scenario() -> None:
        async def send(number: int) -> Reply:
            if number == 0:
                raise ConnectionError("gone")
            if number == 1:
                await asyncio.sleep(5)
            return Reply(503, error="store down") if number == 2 else Reply(200)

        samples = await open_loop(send, rate=100, seconds=0.1, timeout=0.05)
        assert failures(samples) == {
            "no answer: ConnectionError: gone": 1,
            "no answer: no answer within 0.05 s": 1,
            "503: store down": 1,
        }
        assert phases(samples)["client"].count == 7

    quiet(scenario)


def test_a_connection_closed_in_between_is_a_failure_of_one_request() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(OK.replace(b"\r\ncontent-length", b"\r\nconnection: close\r\ncontent-length"))
        writer.close()

    async def scenario(url: str) -> None:
        async with HttpClient(url) as client:
            assert [(await client.send(b"{}")).status for _ in range(3)] == [200] * 3

    serve(handler, scenario)


def test_nothing_listening_is_a_sample_without_a_status() -> None:
    samples = run("http://127.0.0.1:9/", [b"{}"], rate=50, seconds=0.1)
    assert len(samples) == 5
    assert {sample.reply.status for sample in samples} == {0}


def test_quantiles_are_of_raw_values() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 0.99)) == (50, 95, 99)
    assert quantile([3.0], 0.99) == 3.0
    assert math.isnan(summarize([]).p99)


def test_server_timing_is_read_leniently() -> None:
    assert server_timing(b'a;dur=1.5;desc="x", b, c;dur=x, d ; dur=2') == {"a": 1.5, "d": 2.0}


def test_only_plain_http_is_accepted() -> None:
    with pytest.raises(ValueError, match="https://x"):
        HttpClient("https://x")
