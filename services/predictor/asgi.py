"""HTTP helpers of the application: reads bodies with a size limit, sends JSON responses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from services.predictor.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"
LINGER_BYTES = 32 << 20
LINGER_SECONDS = 2.0
"""Limits for reading and discarding a refused body, so that the client receives the response instead of a reset."""


class ClientGone(Exception):
    """The client closed the connection before it had sent the whole request."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the request's body.

    Raises:
        RequestError: 415 unless the content type is JSON; 413 as soon as the body is known to exceed `limit` bytes.
        ClientGone: The client closed the connection.
    """
    headers = dict(scope["headers"])
    media = headers.get(b"content-type", b"")
    if media.split(b";", 1)[0].strip().lower() != JSON:
        seen = media.decode("latin-1") or "nothing"
        raise RequestError(
            415, "unsupported_media_type", f"Content-Type must be application/json, not {seen}", field="Content-Type"
        )
    announced = headers.get(b"content-length", b"0")
    too_large = RequestError(
        413, "body_too_large", f"the body exceeds {limit} bytes", field="Content-Length", close=True, limit=limit
    )
    if int(announced) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


async def respond(
    send: Send, status: int, body: bytes, *, media: bytes = JSON, headers: list[Header] | None = None
) -> None:
    """Send a complete response."""
    await send({"type": "http.response.start", "status": status, "headers": _headers(body, media, headers)})
    await send({"type": "http.response.body", "body": body})


async def refuse(receive: Receive, send: Send, error: RequestError, headers: list[Header]) -> None:
    """Send an error; when the body was not read, read and discard it for a limited time after the response."""
    body = orjson.dumps(error.body(), default=str)
    extra = [*headers]
    if error.retry_after is not None:
        extra.append((b"retry-after", str(error.retry_after).encode()))
    if not error.close:
        await respond(send, error.status, body, headers=extra)
        return
    extra.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": _headers(body, JSON, extra)})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await _discard(receive)
    await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive) -> None:
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _headers(body: bytes, media: bytes, extra: list[Header] | None) -> list[Header]:
    return [(b"content-type", media), (b"content-length", str(len(body)).encode()), *(extra or [])]
