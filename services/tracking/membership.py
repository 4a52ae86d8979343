"""Binds each request to a workspace of its login: supplies the only one, and refuses those of other teams."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

import anyio.to_thread
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.server import auth
from mlflow.utils.workspace_utils import WORKSPACE_HEADER_NAME
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = WORKSPACE_HEADER_NAME.lower().encode()

Lookup = Callable[[str], "frozenset[str] | None"]
"""Returns the workspaces of a login; None when it may use every workspace."""


def workspaces(login: str) -> frozenset[str] | None:
    """Return the workspaces in which a login has a role; None for the administrator, none for an unknown login.

    Raises:
        MlflowException: The database does not answer.
    """
    try:
        if auth.store.get_user(login).is_admin:
            return None
        return frozenset(auth.store.list_accessible_workspace_names(login))
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return frozenset()


def credentials(value: bytes) -> tuple[str, str] | None:
    """Return login and password of an `Authorization` header; None when it is not Basic authentication."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        login, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (login, password) if separator else None


class Membership:
    """Middleware in front of MLflow's own.

    MLflow alone answers a request for another team's workspace with an empty list or a generic refusal, and leaves some
    of a workspace's lists open to every login. A request without a workspace goes to `default`, in which no team has
    rights: an older client, or one without MLFLOW_WORKSPACE, would see nothing.
    """

    def __init__(self, app: ASGIApp, lookup: Lookup = workspaces) -> None:
        self._app = app
        self._lookup = lookup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its workspace; or answer 403."""
        headers = scope.get("headers", [])
        # The parts of the server do not agree on which of several headers counts, so several are one wrong value.
        found = credentials(b",".join(value for name, value in headers if name == b"authorization"))
        if scope["type"] != "http" or found is None:
            return await self._app(scope, receive, send)
        login, password = found
        wanted = b",".join(value for name, value in headers if name == HEADER).decode("latin-1").strip()
        try:
            allowed = await anyio.to_thread.run_sync(self._lookup, login)
        except MlflowException as error:
            return await _answer(send, error.get_http_status_code(), str(error.error_code), error.message)
        if allowed is None or wanted in allowed:
            return await self._app(scope, receive, send)
        if not wanted and len(allowed) == 1:
            others = [(name, value) for name, value in headers if name != HEADER]
            chosen = {**scope, "headers": [*others, (HEADER, next(iter(allowed)).encode())]}
            return await self._app(chosen, receive, send)
        if not wanted or not await anyio.to_thread.run_sync(auth._authenticate_cached, login, password):
            # MLflow answers: without credentials 401, without a workspace only what belongs to no team.
            return await self._app(scope, receive, send)
        return await _refuse(send, login, wanted, allowed)


async def _refuse(send: Send, login: str, wanted: str, allowed: frozenset[str]) -> None:
    message = (
        f"Login {login} has no rights in workspace {wanted!r}; allowed: {', '.join(sorted(allowed)) or 'none'}. "
        "Next step: set MLFLOW_WORKSPACE to an allowed one."
    )
    await _answer(send, 403, "PERMISSION_DENIED", message)


async def _answer(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error_code": code, "message": message}).encode()
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
