"""The emulated account: sends API calls to moto on loopback, and stores the parameters of calls that moto lacks."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
import yaml
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from providers.aws_emulation import shapes
from providers.protocol.errors import PluginError

ENDPOINT = "AWS_ENDPOINT_URL"
STORE = "MLP_EMULATED_ACCOUNT"
"""Environment variables: URL of the emulation, and folder for the calls that moto does not support."""

CLUSTER_FILE = "cluster.json"
"""File in the store with endpoint and authority of the API server behind the emulated EKS cluster."""

UNSUPPORTED: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "kept.yaml").read_text())
GONE = ("NotFound", "NoSuch", "DoesNotExist", "InvalidNetworkAclID", "NonExistent", "404")
"""Parts of the error codes with which services report that a resource does not exist."""


class Account:
    """One account in one region.

    Raises:
        PluginError: The endpoint is not on loopback; this prevents calls to the real AWS.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self.endpoint = os.environ.get(ENDPOINT, "")
        if urlsplit(self.endpoint).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise PluginError(f"{ENDPOINT} is {self.endpoint!r}; the emulated aws plugin only accepts loopback")
        self.store = Path(os.environ.get(STORE, "/nonexistent"))
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    @cached_property
    def id(self) -> str:
        """The account ID."""
        return str(self.call("sts", "get_caller_identity", {})["Account"])

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Check the parameters against the service model, then make the call.

        Raises:
            PluginError: The parameters are wrong, or the service returned an error.
            Gone: The resource does not exist.
        """
        shape = input_shape(service, operation)
        wrong = list(shapes.problems(shape, params, operation, complete=True)) if shape else []
        if wrong:
            raise PluginError("; ".join(wrong))
        if operation in UNSUPPORTED.get(service, ()):
            return {}
        try:
            return getattr(self._client(service), operation)(**params)
        except ClientError as error:
            code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            text = f"{service} {operation}: {code}: {message}"
            raise Gone(text) if any(part in code for part in GONE) else PluginError(text) from None
        except BotoCoreError as error:
            raise PluginError(f"{service} {operation}: {error}") from None

    def cluster(self) -> dict[str, Any]:
        """Return endpoint and authority of the API server behind the emulated cluster; empty without one."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self.store / CLUSTER_FILE).read_text())
        return {}

    def keep(self, token: str, identity: str, params: dict[str, Any]) -> None:
        """Store parameters of a resource that moto cannot describe; add them to those stored before."""
        path = self._path(token, identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{threading.get_ident()}")
        fresh.write_text(json.dumps({**self.kept(token, identity), **params}, default=str))
        fresh.replace(path)

    def kept(self, token: str, identity: str) -> dict[str, Any]:
        """Return the stored parameters of a resource; empty without stored ones."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self._path(token, identity).read_text())
        return {}

    def drop(self, token: str, identity: str) -> None:
        """Delete the stored parameters of a resource."""
        self._path(token, identity).unlink(missing_ok=True)

    def _path(self, token: str, identity: str) -> Path:
        return self.store / token.rsplit(":", 1)[-1] / f"{quote(identity, safe='')}.json"

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                config = Config(retries={"max_attempts": 2}, max_pool_connections=32, s3={"addressing_style": "path"})
                self._clients[service] = session().create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "emulated"),
                    aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "emulated"),
                    config=config,
                )
            return self._clients[service]


class Gone(PluginError):
    """The resource does not exist."""


@cache
def session() -> Any:
    """Return the botocore session of this process."""
    return botocore.session.get_session()


@cache
def operations(service: str) -> dict[str, str]:
    """Return the operations of a service: name in snake case -> name in the API."""
    return {xform_name(name): name for name in session().get_service_model(service).operation_names}


@cache
def input_shape(service: str, operation: str) -> Any:
    """Return the shape of an operation's parameters; None when it takes none.

    Raises:
        PluginError: The service has no such operation.
    """
    try:
        name = operations(service)[operation]
    except KeyError:
        raise PluginError(f"{service} has no operation {operation}") from None
    return session().get_service_model(service).operation_model(name).input_shape
