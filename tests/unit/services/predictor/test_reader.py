"""The client of the online store, with a server that fails in given ways."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import hiredis
import pytest

from services.predictor.errors import StoreUnavailable
from services.predictor.reader import FeatureReader, Features
from tests.serving_fixtures import plan

ROWS = [["CLT", "JFK", "N1"]]
BATCH = {"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 30}
"""Options that a connection string for batch jobs may have."""

VALUE = struct.pack("<d", 2.5)
GOOD = {
    b"aircraft_stats": b"*2\r\n$8\r\n" + VALUE + b"\r\n$8\r\n" + VALUE + b"\r\n",
    b"route_stats": b"*3\r\n$-1\r\n$0\r\n\r\n$8\r\n" + VALUE + b"\r\n",
}


class Server:
    """A server with a part of Redis's protocol; `behave` may answer a command, or close the connection with None."""

    def __init__(self) -> None:
        self.connections = 0
        self.reads = 0
        self.pings = 0
        self.behave: Callable[[list[bytes]], Awaitable[bytes | None]] = self.well
        self.port = 0

    async def well(self, command: list[bytes]) -> bytes | None:
        if command[0] == b"HMGET":
            return next(reply for name, reply in GOOD.items() if command[1].startswith(name))
        return b"+PONG\r\n" if command[0] == b"PING" else b"+OK\r\n"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        parser = hiredis.Reader()
        while data := await reader.read(65536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                self.reads += command[0] == b"HMGET"
                self.pings += command[0] == b"PING"
                reply = await self.behave(command)
                if reply is None:
                    writer.close()
                    return
                writer.write(reply)
        writer.close()


def drive(scenario: Callable[[Server, FeatureReader], Awaitable[None]], timeout: float = 0.25) -> None:
    async def run() -> None:
        server = Server()
        listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        server.port = listener.sockets[0].getsockname()[1]
        nodes = [("127.0.0.1", server.port)]
        reader = FeatureReader(cluster=False, nodes=nodes, options=BATCH, timeout=timeout, connections=4)
        try:
            await scenario(server, reader)
        finally:
            await reader.close()
            listener.close()

    asyncio.run(run())


async def recovered(reader: FeatureReader) -> Features:
    async with asyncio.timeout(5):
        while reader.down is not None:
            await asyncio.sleep(0.01)
    return await reader.read(plan(), ROWS)


def test_values_nulls_and_absent_fields() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        features = await reader.read(plan(), ROWS * 3)
        assert features.rows == [[2.5, None, None]] * 3
        assert features.missing == []
        assert features.stamps[0] == [VALUE, VALUE]
        # Three equal instances, two views: each key is fetched once.
        assert server.reads == 2

    drive(scenario)


def test_a_connection_that_breaks_while_in_use_is_retried_once() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        await reader.read(plan(), ROWS)
        broken = 0

        async def break_once(command: list[bytes]) -> bytes | None:
            nonlocal broken
            if command[0] == b"HMGET" and broken < 1:
                broken += 1
                return None
            return await server.well(command)

        server.behave = break_once
        features = await reader.read(plan(), ROWS)
        assert features.rows == [[2.5, None, None]]
        assert broken == 1
        assert reader.down is None
        assert server.connections == 2

    drive(scenario)


def test_a_connection_that_always_breaks_is_retried_once_only() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        async def always(command: list[bytes]) -> bytes | None:
            return None if command[0] == b"HMGET" else await server.well(command)

        server.behave = always
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
            await reader.read(plan(), ROWS)
        assert server.connections <= 4

    drive(scenario)


def test_a_timeout_is_the_reason_and_does_not_break_the_connection() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        gate = asyncio.Event()

        async def hang(command: list[bytes]) -> bytes | None:
            await gate.wait()
            return await server.well(command)

        server.behave = hang
        with pytest.raises(StoreUnavailable, match="did not answer within 100 ms"):
            await reader.read(plan(), ROWS)
        with pytest.raises(StoreUnavailable, match="did not answer within 100 ms"):
            await reader.read(plan(), ROWS)
        gate.set()
        for _ in range(3):
            assert (await recovered(reader)).rows == [[2.5, None, None]]

    drive(scenario, timeout=0.1)


def test_an_error_for_an_answer_is_the_reason() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        async def refuse(command: list[bytes]) -> bytes | None:
            return b"-WRONGTYPE not a hash\r\n" if command[0] == b"HMGET" else await server.well(command)

        server.behave = refuse
        with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
            await reader.read(plan(), ROWS)
        # An error for one key is not an outage.
        assert reader.down is None
        server.behave = server.well
        assert (await reader.read(plan(), ROWS)).rows == [[2.5, None, None]]

    drive(scenario)


def test_a_store_that_is_loading_counts_as_down_until_it_is_not() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        async def loading(command: list[bytes]) -> bytes | None:
            del command
            return b"-LOADING Redis is loading the dataset in memory\r\n"

        server.behave = loading
        with pytest.raises(StoreUnavailable, match="loading"):
            await reader.read(plan(), ROWS)
        assert reader.down is not None
        server.behave = server.well
        assert (await recovered(reader)).rows == [[2.5, None, None]]

    drive(scenario)


def test_while_down_requests_are_refused_without_a_connection_each() -> None:
    async def scenario(server: Server, reader: FeatureReader) -> None:
        async def always(command: list[bytes]) -> bytes | None:
            del command
            return None

        server.behave = always
        for _ in range(500):
            with pytest.raises(StoreUnavailable):
                await reader.read(plan(), ROWS)
        assert server.reads == 0
        assert server.connections < 20

    drive(scenario)
