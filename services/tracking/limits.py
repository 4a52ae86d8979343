"""Refuses bodies that would fill the server's memory; files pass, because they are streamed to the object store."""

from __future__ import annotations

import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.+")
"""Paths under which files are uploaded, with the method PUT."""


class TooLarge(Exception):
    """The body of a request is above the limit."""


class BodyLimit:
    """Middleware that answers 413 to a request whose body is larger than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its body unless it is a file."""
        if scope["type"] != "http" or (scope["method"] == "PUT" and FILES.fullmatch(scope["path"])):
            return await self._app(scope, receive, send)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            return await self._refuse(send)
        total, started = 0, False

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._limit:
                raise TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except* TooLarge:
            # MLflow's own middleware wraps an exception of a request in a group.
            if started:
                raise
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        most = f"{self._limit >> 20} MiB"
        message = f"The request is larger than {most}. Next step: send it in parts, or log the data as a file."
        body = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
