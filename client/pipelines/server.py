"""Client of a stack's Kubeflow Pipelines that repeats reads while the server has transient errors."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from common.errors import UserError

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""Time for which reads are repeated: after a restart of its database the API server returns errors for a minute."""

PAUSE_SECONDS = 2.0
CONNECT_SECONDS = 5.0


class Unavailable(UserError):
    """Kubeflow Pipelines or its database does not answer."""


@dataclass(frozen=True)
class Server:
    """Kubeflow Pipelines of a stack.

    Attributes:
        url: Address for `kfp.Client`.
        token: Bearer token; empty where the server does not need one.
        namespace: Namespace of the pods of runs.
        api: Client of the cluster.
        stack: Name of the stack, for messages.
    """

    url: str
    token: str = field(repr=False)
    namespace: str
    api: Any = field(repr=False)
    stack: str = "local"

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 kfp carries no usable types
        """kfp's own client.

        Raises:
            Unavailable: The server does not answer.
            UserError: The server refuses the token.
        """
        self._check_health()
        with quiet():
            import kfp

            return kfp.Client(host=self.url, existing_token=self.token or None)

    def _check_health(self) -> None:
        import httpx

        url = f"{self.url}/apis/v2beta1/healthz"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = httpx.get(url, headers=headers, timeout=CONNECT_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise self.unavailable(f"GET {url}: {type(error).__name__} {error}") from error
        if answer.status_code in {401, 403}:
            raise UserError(
                "Kubeflow Pipelines refuses the token.",
                seen=f"GET {url}: {answer.status_code}",
                next_step=f"mlp up --stack {self.stack}",
            )
        if answer.status_code != 200:
            raise self.unavailable(f"GET {url}: {answer.status_code} {answer.text[:300]}")

    def unavailable(self, seen: str) -> Unavailable:
        """Return the error about a server that does not answer."""
        return Unavailable(
            "Kubeflow Pipelines does not answer.", seen=seen, next_step=f"mlp status --stack {self.stack}"
        )

    def read(self, ask: Callable[[Any], T], *, limit_seconds: float = PATIENCE_SECONDS) -> T:
        """Send a read request; repeat it while the server has transient errors.

        Args:
            ask: Sends the request with kfp's client.
            limit_seconds: Seconds after which a transient error is raised.

        Raises:
            Unavailable: The server had transient errors for `limit_seconds` seconds.
            UserError: The server refused the request; contains the server's message.
        """
        until = time.monotonic() + limit_seconds
        while True:
            try:
                with quiet():
                    return ask(self.client)
            except UserError:
                raise
            except Exception as error:
                if not is_transient(error):
                    raise refused(error) from error
                if time.monotonic() > until:
                    raise self.unavailable(error_text(error)) from error
            time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress kfp's output: links to a user interface that is not installed, and warnings about kfp itself."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_transient(error: Exception) -> bool:
    """Tell whether an error may pass: no connection, or a status of 500 and above."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status >= 500
    return type(error).__module__.startswith("urllib3") or isinstance(error, OSError)


def error_text(error: Exception) -> str:
    """Return the message of an error of kfp's client, in one line."""
    import json

    body = getattr(error, "body", None)
    with contextlib.suppress(TypeError, ValueError):
        message = json.loads(body or "").get("message", "")
        if message:
            return f"{getattr(error, 'status', '')} {message}".strip()[:600]
    return str(error).strip().replace("\n", " ")[:600]


def refused(error: Exception) -> UserError:
    """Return the error for users about a request that the server refused."""
    return UserError(
        "Kubeflow Pipelines refused a request.",
        seen=error_text(error),
        next_step="mlp pipeline list shows the runs, mlp status the health of the platform",
    )
