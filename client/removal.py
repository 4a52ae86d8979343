"""Removes what users deployed and run, while the controllers that finish a deletion still run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from client.platform import Platform
from common.waiting import wait_for

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CustomObjectsApi

GONE_SECONDS = 120.0

WORKFLOW = "workflows.argoproj.io/workflow"
"""Label of a run's pods, with the name of its workflow."""


class Kind(Protocol):
    """A kind of object that users make; an application's description (`UserObjects`) says what each field means."""

    @property
    def group(self) -> str:
        """API group."""
        ...

    @property
    def version(self) -> str:
        """Version of the API."""
        ...

    @property
    def plural(self) -> str:
        """Name of the kind in URLs."""
        ...

    @property
    def controller(self) -> str:
        """What has to run before an object can go."""
        ...

    @property
    def propagation(self) -> str:
        """Whether what an object owns goes before it (`Foreground`) or after it (`Background`)."""
        ...


def remove_user_objects(
    platform: Platform, kinds: Sequence[Kind], on_state: Callable[[str], None] = lambda _: None
) -> int:
    """Delete everything that users deployed and run; wait until it and the pods of runs are gone.

    Controllers hold these objects by finalizers. Deleted after the controllers, an object would keep its namespace.

    Args:
        platform: Where.
        kinds: Kinds of objects, in the order in which they are removed.
        on_state: Called with what is being waited for.

    Returns:
        How many objects there were.

    Raises:
        UserError: Something is still there after GONE_SECONDS.
    """
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    found = 0
    for kind in kinds:
        for namespace, name in user_objects(custom, kind):
            found += 1
            custom.delete_namespaced_custom_object(
                kind.group, kind.version, namespace, kind.plural, name, propagation_policy=kind.propagation
            )
        _wait(kind.plural, kind.controller, lambda kind=kind: user_objects(custom, kind), on_state)
    _release(platform.api)
    _wait("pods of runs", "the workflow controller", lambda: _pods(platform.api), on_state)
    return found


def _wait(
    what: str, controller: str, remaining: Callable[[], list[tuple[str, str]]], on_state: Callable[[str], None]
) -> None:
    wait_for(
        f"all {what} to be removed",
        lambda: ", ".join(f"{namespace}/{name}" for namespace, name in remaining()),
        seconds=GONE_SECONDS,
        next_step=f"mlp status; {controller} has to run for them to go",
        on_state=lambda left: on_state(f"waiting for {left} to go"),
    )


def user_objects(custom: CustomObjectsApi, kind: Kind) -> list[tuple[str, str]]:
    """Return namespace and name of every object of a kind; none where the cluster does not know the kind."""
    from kubernetes.client import ApiException

    try:
        listed = custom.list_cluster_custom_object(kind.group, kind.version, kind.plural)
    except ApiException as error:
        if error.status == 404:  # the definition itself is not there
            return []
        raise
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed["items"]]


def _release(api: ApiClient) -> None:
    """Take the controller's finalizer off pods whose workflow is gone; it does so itself, but two minutes later."""
    from kubernetes import client

    core = client.CoreV1Api(api)
    for namespace, name in _pods(api):
        try:
            core.patch_namespaced_pod(name, namespace, {"metadata": {"finalizers": None}})
            core.delete_namespaced_pod(name, namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise


def _pods(api: ApiClient) -> list[tuple[str, str]]:
    from kubernetes import client

    pods = client.CoreV1Api(api).list_pod_for_all_namespaces(label_selector=WORKFLOW).items
    return [(pod.metadata.namespace, pod.metadata.name) for pod in pods]
