"""Notices when state and cluster are not of one another: a cluster made again, or a platform that no state knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

NAMESPACE = "kubernetes:core/v1:Namespace"
LABEL = "app.kubernetes.io/part-of=mlplatform"
"""Of every namespace that the program makes (components/kubernetes/objects.py)."""


def recorded_namespaces(deployment: Mapping[str, Any]) -> set[str]:
    """Return the names of the namespaces that an exported deployment has made."""
    return {str(entry["id"]) for entry in deployment.get("resources") or [] if entry["type"] == NAMESPACE}


def has_none_of(deployment: Mapping[str, Any], kubeconfig: str) -> bool:
    """Return whether a stack has namespaces on record and its cluster has none of them.

    The engine compares the program with its state, not with the cluster: after `mlp cluster reset` it would find
    nothing to do. The caller has the state read again from such a cluster first.

    Args:
        deployment: The stack's exported deployment.
        kubeconfig: Path of the kubeconfig of a cluster that answers.
    """
    known = recorded_namespaces(deployment)
    return bool(known) and Path(kubeconfig).is_file() and not known & _namespaces(kubeconfig)


def refuse_unknown_platform(deployment: Mapping[str, Any], kubeconfig: str, backend: str) -> None:
    """Refuse an update from an empty state while the cluster holds a platform.

    The provider applies objects that are there already: new passwords would overwrite those of databases with data.

    Args:
        deployment: The stack's exported deployment.
        kubeconfig: Path of the kubeconfig.
        backend: URL of the state's backend.

    Raises:
        UserError: The state is empty, and the cluster has namespaces of a platform.
    """
    if deployment.get("resources") or deployment.get("pending_operations") or not Path(kubeconfig).is_file():
        return
    if found := _namespaces(kubeconfig, LABEL):
        raise UserError(
            "The cluster runs a platform that this state does not know; nothing was touched.",
            seen=f"namespaces {', '.join(sorted(found))}, and an empty state in {backend}",
            allowed="the state that the platform was made with, or an empty cluster",
            next_step="correct PULUMI_BACKEND_URL; or, to lose the platform and its data: mlp cluster reset",
        )


def _namespaces(kubeconfig: str, label: str = "") -> set[str]:
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    return {item.metadata.name for item in api.list_namespace(label_selector=label).items}
