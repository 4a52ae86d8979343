"""Kubeflow Pipelines as a stack exports it: address, token, the namespace of its runs, and patient calls."""

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
"""After its database restarted the API server answers errors for up to a minute; reads are repeated that long."""

PAUSE_SECONDS = 2.0
CONNECT_SECONDS = 5.0


class Unavailable(UserError):
    """Kubeflow Pipelines does not answer, or its database does not."""


@dataclass(frozen=True)
class Server:
    """Kubeflow Pipelines of a stack.

    Attributes:
        url: Address as `kfp.Client` takes it.
        token: Bearer token; empty where none is asked for.
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
            Unavailable: Nothing answers at the address.
            UserError: The token is refused.
        """
        self._answers()
        with quiet():
            import kfp

            return kfp.Client(host=self.url, existing_token=self.token or None)

    def _answers(self) -> None:
        import httpx

        url = f"{self.url}/apis/v2beta1/healthz"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = httpx.get(url, headers=headers, timeout=CONNECT_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise self.unavailable(f"GET {url}: {type(error).__name__} {error}") from error
        if answer.status_code in {401, 403}:
            raise UserError(
                "Kubeflow Pipelines refuses the token",
                seen=f"GET {url}: {answer.status_code}",
                next_step=f"mlp up --stack {self.stack}",
            )
        if answer.status_code != 200:
            raise self.unavailable(f"GET {url}: {answer.status_code} {answer.text[:300]}")

    def unavailable(self, seen: str) -> Unavailable:
        """Return the error that says so."""
        return Unavailable(
            "Kubeflow Pipelines does not answer", seen=seen, next_step=f"mlp status --stack {self.stack}"
        )

    def read(self, ask: Callable[[Any], T], *, patience: float = PATIENCE_SECONDS) -> T:
        """Ask the server something that changes nothing, again and again while it has trouble that may pass.

        Args:
            ask: Gets kfp's client.
            patience: Seconds after which trouble is reported.

        Raises:
            Unavailable: It had trouble for that long.
            UserError: It refused; in its own words.
        """
        until = time.monotonic() + patience
        while True:
            try:
                with quiet():
                    return ask(self.client)
            except UserError:
                raise
            except Exception as error:
                if not passing(error):
                    raise refusal(error) from error
                if time.monotonic() > until:
                    raise self.unavailable(told(error)) from error
            time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep kfp's links to a user interface that is not there, and its warnings about itself, off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def passing(error: Exception) -> bool:
    """Tell whether trouble may pass: no connection, or a server error."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status >= 500
    return type(error).__module__.startswith("urllib3") or isinstance(error, OSError)


def told(error: Exception) -> str:
    """Return what an error of kfp's client says, in one line."""
    import json

    body = getattr(error, "body", None)
    with contextlib.suppress(TypeError, ValueError):
        message = json.loads(body or "").get("message", "")
        if message:
            return f"{getattr(error, 'status', '')} {message}".strip()[:600]
    return str(error).strip().replace("\n", " ")[:600]


def refusal(error: Exception) -> UserError:
    """Return a refusal of the server as an error of the user's."""
    return UserError(
        "Kubeflow Pipelines refused a request",
        seen=told(error),
        next_step="mlp pipeline list shows what it has; mlp status whether it is well",
    )
