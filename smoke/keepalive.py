"""A small HTTP/1.1 client for load tests: an asyncio protocol over a C parser, which needs little CPU time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Reply:
    """Response to one request.

    Attributes:
        status: HTTP status; 0 when there was no response.
        timing: Milliseconds by name, from `Server-Timing`.
        error: Why there was no response, or the beginning of the body of a status other than 2xx.
    """

    status: int
    timing: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


class HttpClient:
    """Keep-alive HTTP/1.1 client of one URL. Use as `async with`.

    Reuses the most recently used idle connection; opens a new one when no connection is idle.
    """

    def __init__(self, url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None) -> None:
        """Prepare a client.

        Args:
            url: `http://host[:port]/path`.
            method: Method of every request.
            headers: Headers of every request besides Host and Content-Length.

        Raises:
            ValueError: The URL is not plain HTTP.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} is not an http:// URL")
        self._host, self._port = parts.hostname, parts.port or 80
        target = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **(headers or {})}.items()]
        self._head = ("\r\n".join(lines) + "\r\nContent-Length: ").encode()
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()

    async def __aenter__(self) -> HttpClient:
        """Return the client."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close all connections."""
        for connection in list(self._all):
            connection.close()

    async def send(self, body: bytes) -> Reply:
        """Send one request.

        Raises:
            OSError: The connection failed, or broke before the end of the response.
        """
        connection = self._idle.pop() if self._idle else await self._connect()
        if connection.lost:
            connection = await self._connect()
        try:
            reply, keep = await connection.exchange(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        except BaseException:
            connection.close()
            self._all.discard(connection)
            raise
        if keep:
            self._idle.append(connection)
        else:
            connection.close()
            self._all.discard(connection)
        return reply

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        self._all.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.lost = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[tuple[Reply, bool]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._timing = b""
        self._body = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's classes, but have the same methods.
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(ConnectionError(f"connection lost: {exc or 'closed by the server'}"))

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"not HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"server-timing":
            self._timing = value

    def on_body(self, body: bytes) -> None:
        if len(self._body) < 1024:
            self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        error = "" if 200 <= status < 300 else self._body[:300].decode("utf-8", "replace")
        keep = self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result((Reply(status, server_timing(self._timing), error), keep))

    def exchange(self, request: bytes) -> asyncio.Future[tuple[Reply, bool]]:
        self._timing = self._body = b""
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is not None:
            self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: OSError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def server_timing(value: bytes) -> dict[str, float]:
    """Return the durations in a `Server-Timing` header, in milliseconds by name; skip other parameters."""
    durations = {}
    for part in value.decode("latin-1").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        for parameter in parameters:
            key, _, number = parameter.partition("=")
            if key == "dur":
                try:
                    durations[name] = float(number)
                except ValueError:
                    continue
    return durations
