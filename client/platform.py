"""The platform as a workload's commands see it from outside: exported outputs, Kubernetes, credentials."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import paths
from common.errors import UserError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

SCHEMA = 1
"""Version of the outputs that is read here."""

FIELD_MANAGER = "mlp-workload"
CONNECT_SECONDS = 5
"""A cluster that runs answers a connection at once."""


@dataclass(frozen=True)
class Platform:
    """A stack's exported outputs, and clients made from them.

    Attributes:
        stack: Name of the stack.
        outputs: Stack output `platform`, schema 1.
    """

    stack: str
    outputs: dict[str, Any] = field(repr=False)

    @property
    def models_namespace(self) -> str:
        """Namespace of InferenceServices and jobs."""
        return self.outputs["namespaces"]["models"]

    def url(self, application: str) -> str:
        """Return an application's address as users see it, without a trailing slash."""
        return str(self.outputs["urls"][application]).rstrip("/")

    @cached_property
    def api(self) -> ApiClient:
        """Client of the platform's cluster.

        Raises:
            UserError: The cluster does not answer, or there is no kubeconfig where the outputs say.
        """
        from kubernetes import client, config

        from client.reachable import require

        path = self.outputs.get("kubeconfig")
        require(path, self.stack)
        configuration = client.Configuration()
        config.load_kube_config(config_file=path, client_configuration=configuration)
        # The cluster is never behind a proxy of the machine's environment.
        configuration.proxy, configuration.no_proxy = None, "*"
        return client.ApiClient(configuration)

    def secret(self, application: str) -> dict[str, str]:
        """Return the decoded Secret with the credentials of `application`.

        Raises:
            UserError: The cluster does not answer, or has no such Secret.
        """
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        where = self.outputs["credentials"][application]
        try:
            found = client.CoreV1Api(self.api).read_namespaced_secret(
                where["secret"], where["namespace"], _request_timeout=CONNECT_SECONDS
            )
        except (client.ApiException, HTTPError) as error:
            raise UserError(
                f"the credentials of {application} cannot be read from the cluster",
                seen=f"Secret {where['namespace']}/{where['secret']}: {reason(error)}",
                next_step=f"mlp status --stack {self.stack}, then mlp up --stack {self.stack}",
            ) from error
        return {key: base64.b64decode(value).decode() for key, value in (found.data or {}).items()}


def reason(error: Exception) -> str:
    """Return what an error of the Kubernetes client says, in one line."""
    status, text = getattr(error, "status", None), getattr(error, "reason", None)
    return f"{status} {text}" if status else str(text or error).splitlines()[0]


def load(stack: str, folder: Path | None = None) -> Platform:
    """Read what `mlp up` exported for `stack`.

    Args:
        stack: Name of the stack.
        folder: Folder of the outputs files; `.mlp/outputs` when None.

    Raises:
        UserError: There is no such file, or its schema is another.
    """
    path = (folder or paths.WORK / "outputs") / f"{stack}.json"
    if not path.is_file():
        raise UserError(f"stack {stack} is not up", seen=f"no {path}", next_step=f"mlp up --stack {stack}")
    outputs = json.loads(path.read_text())
    if outputs.get("schema") != SCHEMA:
        raise UserError("the stack's outputs have an unknown schema", seen=outputs.get("schema"), allowed=SCHEMA)
    return Platform(stack, outputs)
