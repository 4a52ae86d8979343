"""HTTP to one API server: pooled connections, JSON both ways, errors with the server's own words."""

from __future__ import annotations

import json
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from typing_extensions import override

from local.plugins.kubernetes.kubeconfig import Endpoint

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
CONNECTIONS = 64

Object = dict[str, Any]
"""A Kubernetes object as the API gives it."""


class Unreachable(Exception):
    """The API server did not answer."""


@dataclass
class ApiError(Exception):
    """The API server refused.

    Attributes:
        status: HTTP status.
        reason: Kubernetes' reason, such as `Conflict`.
        message: The server's text.
        causes: One entry a field: `reason`, `message`, `field`.
    """

    status: int
    reason: str
    message: str
    causes: list[dict[str, str]] = field(default_factory=list)

    @override
    def __str__(self) -> str:
        """Return the server's text."""
        return self.message or f"{self.status} {self.reason}"


@dataclass(frozen=True)
class Applied:
    """The answer to an apply.

    Attributes:
        live: The object as it is now, or would be.
        created: True when it did not exist before.
        warnings: The server's warnings, such as fields it does not know.
    """

    live: Object
    created: bool
    warnings: list[str]


class Client:
    """Requests to one API server; safe for many threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            headers={"Accept": "application/json", "User-Agent": "pulumi-kubernetes", **dict(endpoint.headers)},
            ssl_context=_tls(endpoint) if endpoint.server.startswith("https") else None,
            assert_hostname=endpoint.server_name or (False if endpoint.insecure else None),
            server_hostname=endpoint.server_name,
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Object:
        """Return the object or list at `path`."""
        return orjson.loads(self._send("GET", path, params, None, {}).data)

    def text(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """Return what is at `path` as text, such as a log."""
        return self._send("GET", path, params, None, {}).data.decode(errors="replace")

    def apply(self, path: str, body: Object, *, manager: str, force: bool = False, dry_run: bool = False) -> Applied:
        """Apply `body` on the server, or only try to."""
        params = {"fieldManager": manager, "fieldValidation": "Warn"}
        if force:
            params["force"] = "true"
        if dry_run:
            params["dryRun"] = "All"
        response = self._send("PATCH", path, params, body, {"Content-Type": "application/apply-patch+yaml"})
        spoken = [text.split('"')[1] for text in response.headers.getlist("Warning") if text.count('"') > 1]
        return Applied(orjson.loads(response.data), response.status == 201, spoken)

    def delete(self, path: str, options: Object) -> Object:
        """Ask for the deletion of the object at `path`."""
        return orjson.loads(self._send("DELETE", path, None, options, {}).data)

    def watch(self, path: str, params: Mapping[str, str], seconds: int) -> Iterator[tuple[str, Object]]:
        """Yield events (`ADDED`, `MODIFIED`, `DELETED` and the object) for at most `seconds`."""
        query = {**params, "watch": "1", "timeoutSeconds": str(seconds)}
        response = self._send("GET", path, query, None, {}, stream=True, read=seconds + 10.0)
        try:
            buffer = b""
            for chunk in response.stream(65536, decode_content=True):
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = orjson.loads(line)
                    yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{self.endpoint.server}: {_plain(error)}") from None
        finally:
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Object | None,
        headers: Mapping[str, str],
        *,
        stream: bool = False,
        read: float = READ_SECONDS,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.endpoint.server}{path}" + (f"?{urlencode(params)}" if params else "")
        own = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
        try:
            response = self._pool.request(
                method,
                url,
                body=orjson.dumps(body) if body is not None else None,
                headers={**self._pool.headers, **own},
                preload_content=not stream,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read),
                redirect=False,
            )
            if response.status >= 400:
                raise _refusal(response.status, response.data if not stream else response.read())
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{self.endpoint.server} (from {self.endpoint.source}): {_plain(error)}") from None
        return response


def _refusal(status: int, data: bytes) -> ApiError:
    try:
        body = json.loads(data)
    except ValueError:
        return ApiError(status, "", data.decode(errors="replace")[:500])
    causes = (body.get("details") or {}).get("causes") or []
    return ApiError(status, body.get("reason", ""), body.get("message", ""), causes)


def _plain(error: Exception) -> str:
    text = str(error)
    return text.rsplit(": ", 1)[-1] if text else type(error).__name__


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=endpoint.ca)
    if endpoint.insecure:
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.certificate and endpoint.key:
        with tempfile.TemporaryDirectory() as folder:  # 0700; the library reads keys from files only
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{endpoint.certificate}\n{endpoint.key}\n")
            context.load_cert_chain(pair)
    return context
