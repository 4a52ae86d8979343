"""Finds out whether a stack's cluster answers, before a command that needs it touches anything."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import yaml

from common import paths
from common.errors import UserError

SECONDS = 5.0
"""What answers at all answers within this."""

PROVIDER = "pulumi:providers:kubernetes"
FORGET = "PULUMI_K8S_DELETE_UNREACHABLE"
"""Variable with which the provider takes objects of a silent cluster for deleted; `crds` reads it too."""


@dataclass(frozen=True)
class Silence:
    """A cluster that does not answer.

    Attributes:
        server: URL of its API server.
        reason: What came back instead of an answer.
        objects: How many of the state's resources are in it.
    """

    server: str
    reason: str
    objects: int


@dataclass(frozen=True)
class Server:
    """The API server that a kubeconfig names.

    Attributes:
        url: Its URL.
        authority: PEM of the authority that its certificate is of; None where the kubeconfig has none.
    """

    url: str
    authority: str | None = None


def server_of(kubeconfig: str) -> Server | None:
    """Return the API server of a kubeconfig's current context.

    Args:
        kubeconfig: Path or content.

    Returns:
        None when there is no such file, or no such context in it.
    """
    text = kubeconfig
    if "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{"):
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            return None
        text = path.read_text(encoding="utf-8")
    try:
        document: Any = yaml.safe_load(text)
        contexts = {entry["name"]: entry["context"] for entry in document["contexts"]}
        clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
        cluster = clusters[contexts[document["current-context"]]["cluster"]]
        authority = cluster.get("certificate-authority-data")
        return Server(str(cluster["server"]), base64.b64decode(authority).decode() if authority else None)
    except (KeyError, TypeError, ValueError, yaml.YAMLError):
        return None


def why_silent(server: Server, seconds: float = SECONDS) -> str | None:
    """Ask an API server whether it lives; return what went wrong, None when it answers anything at all.

    A node that is stopped has no route: what answers at its address then is a proxy or somebody else's server, so the
    answer counts only under the cluster's own certificate.
    """
    trust: ssl.SSLContext | bool = False
    if server.authority is not None:
        trust = ssl.create_default_context(cadata=server.authority)
    try:
        httpx.get(f"{server.url.rstrip('/')}/livez", timeout=seconds, verify=trust, trust_env=False)
    except httpx.TimeoutException:
        return f"no answer within {seconds:.0f} s"
    except httpx.HTTPError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "something else answers there, under another certificate"
        return str(error) or type(error).__name__
    return None


def silent_clusters(deployment: Mapping[str, Any]) -> list[Silence]:
    """Return the clusters that hold objects of an exported deployment and do not answer.

    A kubeconfig that is encrypted in the state cannot be asked for its server; the provider will say what it finds.
    """
    resources = cast("list[dict[str, Any]]", deployment.get("resources") or [])
    found: list[Silence] = []
    for entry in resources:
        if entry["type"] != PROVIDER:
            continue
        reference = f"{entry['urn']}::{entry.get('id')}"
        objects = sum(1 for other in resources if other.get("provider") == reference)
        kubeconfig = (entry.get("inputs") or {}).get("kubeconfig")
        if not objects or not isinstance(kubeconfig, str):
            continue
        server = server_of(kubeconfig)
        reason = why_silent(server) if server else "no such kubeconfig"
        if reason:
            found.append(Silence(server.url if server else kubeconfig.splitlines()[0][:200], reason, objects))
    return found


def refuse_silent_cluster(deployment: Mapping[str, Any], stack: str, *, local: bool) -> None:
    """Refuse a command that would change objects in a cluster that does not answer.

    Args:
        deployment: The stack's exported deployment.
        stack: Its name.
        local: Whether the cluster is the embedded one, which this machine can start.

    Raises:
        UserError: A cluster is silent; names both ways on.
    """
    if silent := silent_clusters(deployment):
        raise told(silent[0], stack, local=local)


def told(silence: Silence, stack: str, *, local: bool) -> UserError:
    """Return the message about a silent cluster, with both ways on."""
    held = f"; the stack has {silence.objects} objects in it" if silence.objects else ""
    start = (
        "start it:  mlp cluster start"
        if local
        else "look why:  the cluster's state and the addresses that may reach it (aws.cluster in the stack's values)"
    )
    gone = "           or, when it is gone for good and its objects with it, forget them:"
    return UserError(
        f"The cluster of stack {stack} does not answer; nothing was touched.",
        seen=f"{silence.server}: {silence.reason}{held}",
        next_step=f"{start}\n{gone}  mlp destroy --stack {stack} --forget-cluster",
    )


def require(kubeconfig: str | None, stack: str) -> None:
    """Refuse a command that needs a stack's cluster while it does not answer.

    Args:
        kubeconfig: Path, as the stack exports it; None for the ambient one, which is not looked at.
        stack: Name of the stack.

    Raises:
        UserError: It does not answer; names both ways on.
    """
    if kubeconfig is None:
        return
    server = server_of(kubeconfig)
    reason = why_silent(server) if server else "no such kubeconfig"
    if reason:
        raise told(
            Silence(server.url if server else kubeconfig, reason, 0), stack, local=kubeconfig == str(paths.KUBECONFIG)
        )


def forgetting(deployment: Mapping[str, Any], stack: str) -> dict[str, str]:
    """Return the environment in which a destroy forgets the objects of a silent cluster.

    Raises:
        UserError: The cluster answers, so that its objects can be deleted as they should.
    """
    if not silent_clusters(deployment):
        raise UserError(
            f"The cluster of stack {stack} answers; nothing was forgotten.",
            seen="--forget-cluster",
            allowed="a cluster that is gone",
            next_step=f"mlp destroy --stack {stack}",
        )
    return {FORGET: "true"}
