"""Detects a mismatch of state and cluster: a cluster that was reset, or a platform that the state does not contain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

NAMESPACE = "kubernetes:core/v1:Namespace"
LABEL = "app.kubernetes.io/part-of=mlplatform"
"""Label of every namespace that the program creates (components/kubernetes/objects.py)."""


def recorded_namespaces(deployment: Mapping[str, Any]) -> set[str]:
    """Return the names of the namespaces in an exported deployment."""
    return {str(entry["id"]) for entry in deployment.get("resources") or [] if entry["type"] == NAMESPACE}


def cluster_was_reset(deployment: Mapping[str, Any], kubeconfig: str) -> bool:
    """Tell whether the state of a stack has namespaces and its cluster lacks all of them.

    The engine compares the program with its state, not with the cluster: after `mlp cluster reset` it would find no
    change. The caller refreshes the state from such a cluster first.

    Args:
        deployment: The stack's exported deployment.
        kubeconfig: Path of the kubeconfig of a cluster that answers.
    """
    known = recorded_namespaces(deployment)
    return bool(known) and Path(kubeconfig).is_file() and not known & _namespaces(kubeconfig)


def refuse_unknown_platform(deployment: Mapping[str, Any], kubeconfig: str, backend: str) -> None:
    """Refuse an update from an empty state while the cluster runs a platform.

    The provider applies objects that exist already: new passwords would replace those of databases with data.

    Args:
        deployment: The stack's exported deployment.
        kubeconfig: Path of the kubeconfig.
        backend: URL of the state's backend.

    Raises:
        UserError: The state is empty and the cluster has namespaces of a platform.
    """
    if deployment.get("resources") or deployment.get("pending_operations") or not Path(kubeconfig).is_file():
        return
    if found := _namespaces(kubeconfig, LABEL):
        raise UserError(
            "The cluster runs a platform that is not in this state; nothing was touched.",
            seen=f"namespaces {', '.join(sorted(found))}, and an empty state in {backend}",
            allowed="the state that the platform was created with, or an empty cluster",
            next_step="correct PULUMI_BACKEND_URL; or, to delete the platform and its data: mlp cluster reset",
        )


def _namespaces(kubeconfig: str, label: str = "") -> set[str]:
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    return {item.metadata.name for item in api.list_namespace(label_selector=label).items}
