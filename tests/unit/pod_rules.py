"""Security rules that all pods of the platform, own and upstream's, must keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from declared import Declared, is_secret


def containers(declared: Declared) -> list[tuple[str, dict[str, Any]]]:
    """Return `Kind/name/container` and the container of every pod."""
    return [
        (f"{name}/{container['name']}", container)
        for name, pod in declared.pods()
        for container in [*pod["containers"], *pod.get("initContainers", [])]
    ]


def at(node: Mapping[str, Any], *path: str) -> Any:
    """Return the value at `path`; None if it does not exist."""
    for key in path:
        node = node.get(key) or {}
    return node or None


def _pod(pod: dict[str, Any], *, talks_to_kubernetes: bool) -> dict[str, bool]:
    spec = pod["containers"][0]
    identity = {**pod.get("securityContext", {}), **spec.get("securityContext", {})}
    profiles = [at(owner, "securityContext", "seccompProfile", "type") for owner in (pod, spec)]
    return {
        "runs as root": identity.get("runAsNonRoot") is True and identity.get("runAsUser", 0) >= 10000,
        "has no seccomp profile": "RuntimeDefault" in profiles,
        "has no ServiceAccount of its own": pod.get("serviceAccountName", "default") != "default",
        "mounts a token": talks_to_kubernetes or pod.get("automountServiceAccountToken") is False,
    }


def _container(container: dict[str, Any], *, ends: bool) -> dict[str, bool]:
    security = container.get("securityContext", {})
    environment = container.get("env", [])
    words = [*container.get("command", []), *container.get("args", [])]
    return {
        "may write its root": security.get("readOnlyRootFilesystem") is True,
        "may gain privileges": security.get("allowPrivilegeEscalation") is False and not security.get("privileged"),
        "keeps capabilities": security.get("capabilities") == {"drop": ["ALL"]},
        "lacks requests or limits": all(
            at(container, "resources", part, kind) for part in ("requests", "limits") for kind in ("cpu", "memory")
        ),
        "floats": ":" in container["image"].rsplit("/", 1)[-1] and not container["image"].endswith(":latest"),
        "has no probes": ends or {"readinessProbe", "livenessProbe"} <= set(container),
        "has a secret in plain sight": not any(
            "value" in item and (is_secret(item["value"]) or item["name"].endswith("PASSWORD")) for item in environment
        ),
        "has a secret among its arguments": not any(is_secret(word) or "password-of" in str(word) for word in words),
    }


def violations(declared: Declared, controllers: Collection[str] = ()) -> list[str]:
    """Return a description of every violation of the rules.

    Args:
        declared: Resources to check.
        controllers: `Kind/name` of the pods that use the Kubernetes API and therefore get a token.
    """
    checks = {name: _pod(pod, talks_to_kubernetes=name in controllers) for name, pod in declared.pods()}
    first = {f"{name}/{c['name']}" for name, pod in declared.pods() for c in pod.get("initContainers", [])}
    for name, container in containers(declared):
        checks[name] = _container(container, ends=name in first or name.startswith(("Job/", "CronJob/")))
    return [f"{name} {problem}" for name, found in checks.items() for problem, fine in found.items() if not fine]
