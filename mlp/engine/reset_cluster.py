"""Notices a cluster that was made again under a state that still knows the objects of the one before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMESPACE = "kubernetes:core/v1:Namespace"


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
    if not known or not Path(kubeconfig).is_file():
        return False
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    there = {item.metadata.name for item in api.list_namespace().items}
    return not known & there
