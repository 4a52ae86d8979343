"""Lists and deletes the objects that users create on a platform, while the controllers that finish a deletion run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from client.platform import Platform
from client.pods import remove_finalizer
from common.waiting import wait_for

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CustomObjectsApi, V1Pod

GONE_SECONDS = 120.0


class Kind(Protocol):
    """A kind of object that users create; `UserObjects` in an application's description documents the fields."""

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
        """Controller that must run to finish a deletion."""
        ...

    @property
    def propagation(self) -> str:
        """Order of deletion: `Foreground` deletes dependents before the object, `Background` after it."""
        ...

    @property
    def pod_label(self) -> str | None:
        """Label of the objects' pods when the controller keeps them by a finalizer; else None."""
        ...

    @property
    def pod_finalizer(self) -> str | None:
        """That finalizer."""
        ...


def remove_user_objects(
    platform: Platform, kinds: Sequence[Kind], on_state: Callable[[str], None] = lambda _: None
) -> int:
    """Delete everything that users deployed and run; wait until the objects and the pods of runs are gone.

    Controllers hold these objects by finalizers. An object that is deleted after its controller keeps its namespace.

    Args:
        platform: The platform.
        kinds: Kinds of objects, in the order of their deletion.
        on_state: Called with a description of each wait.

    Returns:
        Number of objects deleted.

    Raises:
        UserError: An object or a pod still exists after GONE_SECONDS.
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
    for kind in kinds:
        if kind.pod_label is not None:
            delete_pods(platform.api, kind)
            _wait(f"pods of {kind.plural}", kind.controller, lambda kind=kind: _names(platform.api, kind), on_state)
    return found


def _wait(
    what: str, controller: str, remaining: Callable[[], list[tuple[str, str]]], on_state: Callable[[str], None]
) -> None:
    wait_for(
        f"all {what} to be removed",
        lambda: ", ".join(f"{namespace}/{name}" for namespace, name in remaining()),
        seconds=GONE_SECONDS,
        next_step=f"mlp status shows whether {controller} runs; the deletion needs it",
        on_state=lambda left: on_state(f"waiting for the deletion of {left}"),
    )


def user_objects(custom: CustomObjectsApi, kind: Kind) -> list[tuple[str, str]]:
    """Return namespace and name of every object of a kind; empty where the cluster does not know the kind."""
    from kubernetes.client import ApiException

    try:
        listed = custom.list_cluster_custom_object(kind.group, kind.version, kind.plural)
    except ApiException as error:
        if error.status == 404:  # the CustomResourceDefinition does not exist
            return []
        raise
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed["items"]]


def delete_pods(api: ApiClient, kind: Kind) -> None:
    """Delete the pods of a kind and remove their finalizers, which their controller would do minutes later.

    Args:
        api: Client of the cluster.
        kind: A kind of which no object exists any more; nothing is done when its controller keeps no pods.
    """
    from kubernetes import client

    core = client.CoreV1Api(api)
    for pod in _pods(api, kind):
        if kind.pod_finalizer is not None:
            remove_finalizer(api, pod, kind.pod_finalizer)
        try:
            core.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise


def _pods(api: ApiClient, kind: Kind) -> list[V1Pod]:
    from kubernetes import client

    if kind.pod_label is None:
        return []
    return client.CoreV1Api(api).list_pod_for_all_namespaces(label_selector=kind.pod_label).items


def _names(api: ApiClient, kind: Kind) -> list[tuple[str, str]]:
    return [(pod.metadata.namespace, pod.metadata.name) for pod in _pods(api, kind)]
