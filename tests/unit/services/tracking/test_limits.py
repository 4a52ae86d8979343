"""Bodies that are too large are refused before the server keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.tracking.limits import BodyLimit

LIMIT = 1 << 20


def ask(method: str, path: str, *chunks: bytes, length: int | None = None) -> tuple[int, int]:
    """Send a request through the middleware; return the status and the number of bytes that the app has read."""
    read = 0
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        assert scope["path"] == path
        more = True
        while more:
            message = await receive()
            read += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    headers = [(b"content-length", str(length).encode())] if length is not None else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(BodyLimit(app, LIMIT)(scope, receive, send))
    return sent[0]["status"], read


HALF = b"x" * (LIMIT // 2)
API = "/api/2.0/mlflow/runs/log-batch"
FILE = "/api/2.0/mlflow-artifacts/artifacts/workspaces/alpha/1/a.bin"


def test_a_body_up_to_the_limit_passes() -> None:
    assert ask("POST", API, HALF, HALF, length=LIMIT) == (200, LIMIT)
    assert ask("GET", API) == (200, 0)


def test_an_announced_large_body_is_not_read() -> None:
    assert ask("POST", API, HALF, HALF, HALF, length=LIMIT + 1) == (413, 0)


def test_a_body_that_grows_too_large_is_cut_off() -> None:
    status, read = ask("POST", API, HALF, HALF, HALF)
    assert status == 413
    assert read <= LIMIT


@pytest.mark.parametrize("path", [FILE, f"/ajax-api{FILE.removeprefix('/api')}"])
def test_files_have_no_limit(path: str) -> None:
    assert ask("PUT", path, HALF, HALF, HALF, HALF) == (200, 2 * LIMIT)


def test_only_uploads_count_as_files() -> None:
    assert ask("POST", FILE, HALF, HALF, HALF)[0] == 413
    assert ask("PUT", f"{API}?x=/api/2.0/mlflow-artifacts/artifacts/a", HALF, HALF, HALF)[0] == 413
