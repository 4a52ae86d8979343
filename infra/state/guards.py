"""Checks a stack's state and cluster before an operation changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pulumi import automation as auto

from client.reachable import (
    forget_environment,
    refuse_silent_cluster,
    require_cluster,
    silent_cluster_error,
    silent_clusters,
)
from common.errors import UserError
from common.progress import console
from infra.state.carry_over import carried_over, environment
from infra.state.reset_cluster import refuse_unknown_platform

Operation = Literal["preview", "up", "refresh", "destroy"]


@dataclass(frozen=True)
class LocalCluster:
    """The cluster of a local stack, and where the state of the stack is kept.

    Attributes:
        kubeconfig: Path of the kubeconfig.
        backend: URL of the state's backend.
    """

    kubeconfig: str
    backend: str


@dataclass(frozen=True)
class Preparation:
    """What a checked operation needs before it runs.

    Attributes:
        environment: Variables for the engine and its plugins.
        deployment: State to import first; None when the recorded state can stay.
    """

    environment: dict[str, str] = field(default_factory=dict)
    deployment: dict[str, Any] | None = None


def check_state(
    operation: Operation,
    deployment: Mapping[str, Any],
    stack: str,
    *,
    local: bool,
    forget_cluster: bool = False,
    cluster: LocalCluster | None = None,
) -> Preparation:
    """Check a stack's state and cluster before an operation, and return what the operation needs.

    The preview of a stack whose cluster does not answer uses the state alone, with a warning: the runner of a pull
    request often cannot reach the cluster.

    Args:
        operation: The operation.
        deployment: The stack's exported deployment.
        stack: Name of the stack.
        local: Whether its cluster is the embedded one.
        forget_cluster: Treat the objects of a silent cluster as deleted; for a destroy only.
        cluster: The cluster of a local stack; an empty state is checked against it. None elsewhere.

    Raises:
        UserError: The operation would fail or do harm; nothing was touched.
    """
    carried = carried_over(deployment)
    if operation == "preview":
        if carried is not None:
            raise not_carried_over(stack)
        if silent := silent_clusters(deployment):
            console.print("  [yellow]the cluster does not answer: this preview uses the state alone[/]")
            console.print(str(silent_cluster_error(silent[0], stack, local=local)), markup=False)
        return Preparation()
    if forget_cluster:
        return Preparation(forget_environment(deployment, stack), carried)
    refuse_silent_cluster(deployment, stack, local=local)
    if operation == "up" and cluster is not None:
        _refuse_unknown_platform(deployment, stack, cluster)
    if carried is not None:
        console.print("  [yellow]converting the state that the stand-in for the Kubernetes provider wrote[/]")
    return Preparation(environment(carried or deployment), carried)


def prepare_stack(selected: auto.Stack, preparation: Preparation) -> None:
    """Import the state and set the environment that an operation needs."""
    if preparation.deployment is not None:
        exported = selected.export_stack()
        exported.deployment = preparation.deployment
        selected.import_stack(exported)
    selected.workspace.env_vars = {**selected.workspace.env_vars, **preparation.environment}


def check_in_program(
    deployment: Mapping[str, Any], stack: str, *, dry_run: bool, local: bool, cluster: LocalCluster | None = None
) -> None:
    """Check a stack's state and cluster from within the program, for plain `pulumi`, which runs no other check.

    Args:
        deployment: The recorded deployment.
        stack: Name of the stack.
        dry_run: Whether the operation is a preview.
        local: Whether its cluster is the embedded one.
        cluster: The cluster of a local stack whose recorded deployment is known; None elsewhere.

    Raises:
        UserError: The stand-in wrote the state, the cluster of an update does not answer, or the state is empty while
            the cluster runs a platform; nothing was touched.
    """
    if carried_over(deployment) is not None:
        raise not_carried_over(stack)
    if dry_run:
        return
    refuse_silent_cluster(deployment, stack, local=local)
    if cluster is not None:
        _refuse_unknown_platform(deployment, stack, cluster)


def _refuse_unknown_platform(deployment: Mapping[str, Any], stack: str, cluster: LocalCluster) -> None:
    """Refuse an update from an empty state while the cluster runs a platform, or does not answer."""
    recorded = deployment.get("resources") or deployment.get("pending_operations")
    if recorded or not Path(cluster.kubeconfig).is_file():
        return
    require_cluster(cluster.kubeconfig, stack)
    refuse_unknown_platform(deployment, cluster.kubeconfig, cluster.backend)


def not_carried_over(stack: str) -> UserError:
    """Return the error about a state of the stand-in, from which the real provider would replace every object."""
    return UserError(
        f"The state of stack {stack} was written by the stand-in for the Kubernetes provider; nothing was touched.",
        seen="Kubernetes objects without the output __inputs",
        allowed="a state of pulumi-kubernetes",
        next_step=f"mlp up --stack {stack}        (converts the state and replaces nothing)",
    )
