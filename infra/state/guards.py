"""What is looked at before an operation on a stack touches anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pulumi import automation as auto

from client.reachable import forgetting, refuse_silent_cluster, silent_clusters, told
from common.errors import UserError
from common.progress import console
from infra.state.carry_over import carried_over, environment

Operation = Literal["preview", "up", "refresh", "destroy"]


@dataclass(frozen=True)
class Passed:
    """What an operation that may go on needs.

    Attributes:
        environment: Variables for the engine and its plugins.
        deployment: The state to import first; None when it can stay.
    """

    environment: dict[str, str] = field(default_factory=dict)
    deployment: dict[str, Any] | None = None


def guard(selected: auto.Stack, operation: Operation, *, local: bool, forget_cluster: bool = False) -> None:
    """Look at a stack before an operation; carry its state over and set its environment where that is needed.

    Raises:
        UserError: The operation cannot go well; nothing was touched.
    """
    deployment = selected.export_stack().deployment or {}
    prepare(selected, before(operation, deployment, selected.name, local=local, forget_cluster=forget_cluster))


def prepare(selected: auto.Stack, passed: Passed) -> None:
    """Give a stack the state and the environment that an operation needs."""
    if passed.deployment is not None:
        exported = selected.export_stack()
        exported.deployment = passed.deployment
        selected.import_stack(exported)
    selected.workspace.env_vars = {**selected.workspace.env_vars, **passed.environment}


def in_program(deployment: Mapping[str, Any], stack: str, *, dry_run: bool, local: bool) -> None:
    """Look at a stack from within the program, where plain `pulumi` runs it and nothing else has looked.

    Raises:
        UserError: The state is of the stand-in, or an update's cluster does not answer; nothing was touched.
    """
    if carried_over(deployment) is not None:
        raise uncarried(stack)
    if not dry_run:
        refuse_silent_cluster(deployment, stack, local=local)


def before(
    operation: Operation, deployment: Mapping[str, Any], stack: str, *, local: bool, forget_cluster: bool = False
) -> Passed:
    """Look at a stack's state and cluster before an operation.

    A preview of a silent cluster goes on from the state alone, with a warning: on a pull request the cluster is often
    out of reach.

    Args:
        operation: What is about to run.
        deployment: The stack's exported deployment.
        stack: Its name.
        local: Whether its cluster is the embedded one.
        forget_cluster: Take the objects of a silent cluster for deleted; for a destroy only.

    Raises:
        UserError: The operation cannot go well; nothing was touched.
    """
    carried = carried_over(deployment)
    if operation == "preview":
        if carried is not None:
            raise uncarried(stack)
        if silent := silent_clusters(deployment):
            console.print("  [yellow]previewed without the cluster, from the state alone[/]")
            console.print(str(told(silent[0], stack, local=local)), markup=False)
        return Passed()
    if forget_cluster:
        return Passed(forgetting(deployment, stack), carried)
    refuse_silent_cluster(deployment, stack, local=local)
    if carried is not None:
        console.print("  [yellow]the state is carried over from the stand-in for the Kubernetes provider[/]")
    return Passed(environment(carried or deployment), carried)


def uncarried(stack: str) -> UserError:
    """Return the message about a state that the real provider would replace everything of."""
    return UserError(
        f"The state of stack {stack} was written by the stand-in for the Kubernetes provider; nothing was touched.",
        seen="Kubernetes objects without the output __inputs",
        allowed="a state of pulumi-kubernetes",
        next_step=f"mlp up --stack {stack}        (carries it over and replaces nothing)",
    )
