"""Checks whether the cluster of a stack answers, before a command that needs the cluster changes anything."""

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
"""Time limit of the check; a running API server answers within milliseconds."""

NO_KUBECONFIG = "the kubeconfig does not exist or names no cluster"
PROVIDER = "pulumi:providers:kubernetes"
FORGET = "PULUMI_K8S_DELETE_UNREACHABLE"
"""Variable that makes the provider treat objects of an unreachable cluster as deleted; `crds` reads it too."""


@dataclass(frozen=True)
class SilentCluster:
    """A cluster that does not answer.

    Attributes:
        server: URL of its API server.
        reason: Error of the request.
        objects: Number of the state's resources that are in the cluster.
    """

    server: str
    reason: str
    objects: int


@dataclass(frozen=True)
class Server:
    """The API server that a kubeconfig names.

    Attributes:
        url: URL.
        authority: PEM of the certificate authority; None where the kubeconfig does not have it.
    """

    url: str
    authority: str | None = None


def server_of(kubeconfig: str) -> Server | None:
    """Return the API server of a kubeconfig's current context.

    Args:
        kubeconfig: Path or content.

    Returns:
        None when the file does not exist or does not define its current context.
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
    """Send a request to an API server; return the error, None when any HTTP response comes back.

    A stopped node leaves its address without a route, and a proxy or another server may answer there. So the response
    counts only under the cluster's own certificate.
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
            return "another server answers at this address, with another certificate"
        return str(error) or type(error).__name__
    return None


def silent_clusters(deployment: Mapping[str, Any]) -> list[SilentCluster]:
    """Return the clusters that hold objects of an exported deployment and do not answer.

    Skips a cluster whose kubeconfig is encrypted in the state; the provider reports its errors.
    """
    resources = cast("list[dict[str, Any]]", deployment.get("resources") or [])
    found: list[SilentCluster] = []
    for entry in resources:
        if entry["type"] != PROVIDER:
            continue
        reference = f"{entry['urn']}::{entry.get('id')}"
        objects = sum(1 for other in resources if other.get("provider") == reference)
        kubeconfig = (entry.get("inputs") or {}).get("kubeconfig")
        if not objects or not isinstance(kubeconfig, str):
            continue
        server = server_of(kubeconfig)
        reason = why_silent(server) if server else NO_KUBECONFIG
        if reason:
            found.append(SilentCluster(server.url if server else kubeconfig.splitlines()[0][:200], reason, objects))
    return found


def refuse_silent_cluster(deployment: Mapping[str, Any], stack: str, *, local: bool) -> None:
    """Refuse a command that would change objects in a cluster that does not answer.

    Args:
        deployment: The stack's exported deployment.
        stack: Name of the stack.
        local: Whether the cluster is the embedded one, which this machine can start.

    Raises:
        UserError: A cluster does not answer; names how to start it and how to forget it.
    """
    if silent := silent_clusters(deployment):
        raise silent_cluster_error(silent[0], stack, local=local)


def silent_cluster_error(cluster: SilentCluster, stack: str, *, local: bool) -> UserError:
    """Return the error about a cluster that does not answer; names how to start it and how to forget it."""
    held = f"; the stack has {cluster.objects} objects in it" if cluster.objects else ""
    start = (
        "start the cluster:  mlp cluster start"
        if local
        else "check that the cluster runs and may be reached from here (local.kubeconfig or aws.cluster of the stack)"
    )
    gone = "           or, if the cluster no longer exists, remove its objects from the state:"
    return UserError(
        f"The cluster of stack {stack} does not answer; nothing was touched.",
        seen=f"{cluster.server}: {cluster.reason}{held}",
        next_step=f"{start}\n{gone}  mlp destroy --stack {stack} --forget-cluster",
    )


def require_cluster(kubeconfig: str | None, stack: str) -> None:
    """Refuse a command that needs the cluster of a stack while the cluster does not answer.

    Args:
        kubeconfig: Path, as the stack exports it; None for the default of `kubectl`, which is not checked.
        stack: Name of the stack.

    Raises:
        UserError: The cluster does not answer; names how to start it and how to forget it.
    """
    if kubeconfig is None:
        return
    server = server_of(kubeconfig)
    reason = why_silent(server) if server else NO_KUBECONFIG
    if reason:
        cluster = SilentCluster(server.url if server else kubeconfig, reason, 0)
        raise silent_cluster_error(cluster, stack, local=kubeconfig == str(paths.KUBECONFIG))


def forget_environment(deployment: Mapping[str, Any], stack: str) -> dict[str, str]:
    """Return the environment in which a destroy removes the objects of a silent cluster from the state only.

    Raises:
        UserError: The cluster answers, so its objects can be deleted.
    """
    if not silent_clusters(deployment):
        raise UserError(
            f"The cluster of stack {stack} answers; nothing was removed from the state.",
            seen="--forget-cluster",
            allowed="a cluster that does not answer",
            next_step=f"mlp destroy --stack {stack}",
        )
    return {FORGET: "true"}
