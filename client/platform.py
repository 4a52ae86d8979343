"""A running platform, seen from outside: its exported outputs, its Kubernetes API, its credentials."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from client.kube import api_client, error_text
from client.reachable import require_cluster
from common import paths
from common.errors import UserError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

SCHEMA = 2
"""Version of the outputs that this module reads."""

FIELD_MANAGER = "mlp-workload"
CONNECT_SECONDS = 5
"""Time limit of a request; a running cluster answers at once."""


@dataclass(frozen=True)
class Platform:
    """The exported outputs of a stack, and clients made from them.

    Attributes:
        stack: Name of the stack.
        outputs: Stack output `platform`, schema 2.
        team: Team that the caller works for.
    """

    stack: str
    outputs: dict[str, Any] = field(repr=False)
    team: str

    @property
    def namespace(self) -> str:
        """Namespace of the team, for its InferenceServices and jobs."""
        return self.outputs["teams"][self.team]["namespace"]

    def url(self, application: str) -> str:
        """Return an application's address as users see it, without a trailing slash."""
        return str(self.outputs["urls"][application]).rstrip("/")

    def serving_url(self, service: str) -> str:
        """Return the address of an InferenceService of the team, without a trailing slash."""
        return f"{self.url('serving')}/{self.team}/{service}"

    @property
    def job_image(self) -> str:
        """Image of workload jobs.

        Raises:
            UserError: The outputs do not name an image.
        """
        image = self.outputs.get("images", {}).get("job")
        if not image:
            raise UserError(
                f"The outputs of stack {self.stack} do not name the image of workload jobs.",
                seen="no value for images.job",
                next_step=f"mlp up --stack {self.stack}",
            )
        return str(image)

    @cached_property
    def api(self) -> ApiClient:
        """Client of the platform's cluster.

        Raises:
            UserError: The cluster does not answer, or the kubeconfig that the outputs name does not exist.
        """
        path = self.outputs.get("kubeconfig")
        require_cluster(path, self.stack)
        return api_client(path)

    def secret(self, application: str) -> dict[str, str]:
        """Return the decoded Secret with the credentials of `application`: the team's, or those of the platform.

        Raises:
            UserError: The cluster does not answer, or does not have the Secret.
        """
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        own = self.outputs["teams"][self.team]["credentials"]
        where = own[application] if application in own else self.outputs["credentials"][application]
        try:
            found = client.CoreV1Api(self.api).read_namespaced_secret(
                where["secret"], where["namespace"], _request_timeout=CONNECT_SECONDS
            )
        except (client.ApiException, HTTPError) as error:
            raise UserError(
                f"The credentials of {application} cannot be read from the cluster.",
                seen=f"Secret {where['namespace']}/{where['secret']}: {error_text(error)}",
                next_step=f"mlp status --stack {self.stack}, then mlp up --stack {self.stack}",
            ) from error
        return {key: base64.b64decode(value).decode() for key, value in (found.data or {}).items()}


def outputs_path(stack: str, folder: Path | None = None) -> Path:
    """Return the file with the exported outputs of `stack`.

    Args:
        stack: Name of the stack.
        folder: Folder of the outputs files; `.mlp/outputs` when None.
    """
    return (folder or paths.WORK / "outputs") / f"{stack}.json"


def load(stack: str, folder: Path | None = None, *, team: str | None = None) -> Platform:
    """Read the outputs that `mlp up` exported for `stack`.

    Args:
        stack: Name of the stack.
        folder: Folder of the outputs files; `.mlp/outputs` when None.
        team: Team that the caller works for; the stack's default team when None.

    Raises:
        UserError: The file does not exist or has another schema, or there is no such team.
    """
    outputs = _read(stack, folder)
    if outputs is None:
        raise UserError(
            f"Stack {stack} is not up.", seen=f"no {outputs_path(stack, folder)}", next_step=f"mlp up --stack {stack}"
        )
    if outputs.get("schema") != SCHEMA:
        raise UserError(
            f"The outputs of stack {stack} have an unknown schema.",
            seen=f"schema {outputs.get('schema')}",
            allowed=f"schema {SCHEMA}",
            next_step=f"mlp up --stack {stack}",
        )
    if team is not None and team not in outputs["teams"]:
        raise UserError(
            f"Stack {stack} has no such team.",
            seen=team,
            allowed=", ".join(outputs["teams"]),
            next_step=f"add the team to mlplatform:teams in stacks/Pulumi.{stack}.yaml, then mlp up --stack {stack}",
        )
    return Platform(stack, outputs, team or outputs["default_team"])


def previous(stack: str) -> Platform | None:
    """Return the platform that the last update left, whatever the schema of its outputs; None before the first one.

    With another schema than SCHEMA, only the cluster's API can be relied on.
    """
    outputs = _read(stack, None)
    return None if outputs is None else Platform(stack, outputs, outputs.get("default_team", ""))


def _read(stack: str, folder: Path | None) -> dict[str, Any] | None:
    path = outputs_path(stack, folder)
    return json.loads(path.read_text()) if path.is_file() else None
