"""Reads a kubeconfig, given by path or by content, into what a connection needs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

from local.plugins.protocol.errors import PluginError

EXEC_TIMEOUT = 60
"""Seconds a credential program may take."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One cluster as one user.

    Attributes:
        server: URL of the API server.
        source: Where this came from, for messages.
        namespace: Namespace of the context.
        ca: PEM of the certificate authority.
        certificate: PEM of the client certificate.
        key: PEM of its key.
        headers: Authorization, when the user has a token or a password.
        insecure: True to accept any certificate.
        server_name: Name the server's certificate must carry, when it is not the URL's.
    """

    server: str
    source: str
    namespace: str = "default"
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    insecure: bool = False
    server_name: str | None = None

    @override
    def __repr__(self) -> str:
        """Return where it leads, without credentials."""
        return f"Endpoint({self.server}, from {self.source})"


def load(kubeconfig: str | None, context: str | None = None, cluster: str | None = None) -> Endpoint:
    """Read a kubeconfig.

    Args:
        kubeconfig: Path or content (YAML or JSON); `$KUBECONFIG`, then `~/.kube/config`, when None or empty.
        context: Context to use instead of the current one.
        cluster: Cluster to use instead of the context's.

    Raises:
        PluginError: Nothing is there, it is no kubeconfig, or it lacks the context, cluster or user.
    """
    text, source, folder = _text(kubeconfig)
    try:
        config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe loader
    except yaml.YAMLError:
        raise PluginError(f"{source} is not a kubeconfig: neither YAML nor JSON") from None
    if not isinstance(config, dict) or "clusters" not in config:
        raise PluginError(f"{source} is not a kubeconfig: it has no clusters")
    chosen = _named(config, "context", context or config.get("current-context"), source)
    entry = _named(config, "cluster", cluster or chosen.get("cluster"), source)
    user = _named(config, "user", chosen.get("user"), source) if chosen.get("user") else {}
    token, certificate, key = _credentials(user, folder)
    return Endpoint(
        server=str(entry["server"]).rstrip("/"),
        source=source,
        namespace=chosen.get("namespace") or "default",
        ca=_data(entry, "certificate-authority", folder),
        certificate=certificate,
        key=key,
        headers=(("Authorization", token),) if token else (),
        insecure=bool(entry.get("insecure-skip-tls-verify")),
        server_name=entry.get("tls-server-name"),
    )


def server_of(kubeconfig: str | None, context: str | None = None, cluster: str | None = None) -> tuple[str, str] | None:
    """Return what identifies the cluster (URL and authority), or None when the kubeconfig cannot be read."""
    try:
        endpoint = load(kubeconfig, context, cluster)
    except (PluginError, OSError, KeyError):
        return None
    return endpoint.server, endpoint.ca or ""


def _text(kubeconfig: str | None) -> tuple[str, str, Path]:
    if kubeconfig and ("\n" in kubeconfig or kubeconfig.lstrip().startswith("{")):
        return kubeconfig, "the provider's kubeconfig", Path.cwd()
    named = kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config"
    path = Path(named).expanduser()
    try:
        return path.read_text(), f"kubeconfig {path}", path.parent
    except OSError as error:
        raise PluginError(f"kubeconfig {path}: {error.strerror or error}") from None


def _named(config: dict[str, Any], what: str, name: str | None, source: str) -> dict[str, Any]:
    entries = config.get(f"{what}s") or []
    for entry in entries:
        if entry.get("name") == name:
            return entry.get(what) or {}
    allowed = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise PluginError(f"{source} has no {what} {name!r}; it has: {allowed}")


def _data(entry: dict[str, Any], field: str, folder: Path) -> str | None:
    if inline := entry.get(f"{field}-data"):
        return base64.b64decode(inline).decode()
    if named := entry.get(field):
        return (folder / Path(named).expanduser()).read_text()
    return None


def _credentials(user: dict[str, Any], folder: Path) -> tuple[str | None, str | None, str | None]:
    certificate, key = _data(user, "client-certificate", folder), _data(user, "client-key", folder)
    if token := user.get("token"):
        return f"Bearer {token}", certificate, key
    if token_file := user.get("tokenFile"):
        return f"Bearer {(folder / token_file).read_text().strip()}", certificate, key
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return f"Basic {base64.b64encode(pair).decode()}", certificate, key
    if program := user.get("exec"):
        return _run(program)
    return None, certificate, key


def _run(program: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Ask a credential program (`client.authentication.k8s.io`), as `aws eks get-token` is one."""
    command = [program["command"], *(program.get("args") or [])]
    extra = {entry["name"]: entry["value"] for entry in program.get("env") or []}
    info = {"apiVersion": program.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=EXEC_TIMEOUT)
        status = json.loads(done.stdout)["status"]
    except subprocess.CalledProcessError as error:
        raise PluginError(
            f"{command[0]} gave no credentials: {error.stderr.decode(errors='replace').strip()}"
        ) from None
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise PluginError(f"{command[0]} gave no credentials: {type(error).__name__}") from None
    token = status.get("token")
    return f"Bearer {token}" if token else None, status.get("clientCertificateData"), status.get("clientKeyData")
