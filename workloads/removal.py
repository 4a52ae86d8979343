"""Removes what users deployed and run, while the controllers that finish a deletion still run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlp.patience import wait_for
from workloads.platform import Platform

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CustomObjectsApi

GONE_SECONDS = 120.0

WORKFLOW = "workflows.argoproj.io/workflow"
"""Label of a run's pods, with the name of its workflow."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind that users make objects of, which a controller of the platform has to let go.

    Attributes:
        group: API group.
        version: Its version.
        plural: Name of the kind in addresses.
        controller: What has to run for one to go.
        propagation: Whether what one owns goes before it (`Foreground`) or after it (`Background`).
    """

    group: str
    version: str
    plural: str
    controller: str
    propagation: str = "Foreground"


WORKFLOWS = Kind(
    group="argoproj.io",
    version="v1alpha1",
    plural="workflows",
    controller="the workflow controller",
    # A workflow goes before its pods: with those first, its controller would try their steps again.
    propagation="Background",
)

KINDS = (
    Kind(
        group="serving.kserve.io",
        version="v1beta1",
        plural="inferenceservices",
        controller="the KServe controller",
    ),
    # Schedules before workflows: one that is left would start another.
    Kind(
        group="kubeflow.org",
        version="v1beta1",
        plural="scheduledworkflows",
        controller="the scheduled workflow controller",
    ),
    WORKFLOWS,
)


def remove_deployments(platform: Platform, on_state: Callable[[str], None] = lambda _: None) -> int:
    """Delete every InferenceService, schedule and run; wait until they and the runs' pods are gone.

    Controllers hold them by finalizers: deleted after those, they would keep their namespace for ever.

    Args:
        platform: Where.
        on_state: Called with what is being waited for.

    Returns:
        How many objects there were.

    Raises:
        UserError: Something is still there after GONE_SECONDS.
    """
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    found = 0
    for kind in KINDS:
        for namespace, name in _objects(custom, kind):
            found += 1
            custom.delete_namespaced_custom_object(
                kind.group, kind.version, namespace, kind.plural, name, propagation_policy=kind.propagation
            )
        _wait(kind.plural, kind.controller, lambda kind=kind: _objects(custom, kind), on_state)
    _release(platform.api)
    _wait("pods of runs", WORKFLOWS.controller, lambda: _pods(platform.api), on_state)
    return found


def _wait(
    what: str, controller: str, remaining: Callable[[], list[tuple[str, str]]], on_state: Callable[[str], None]
) -> None:
    wait_for(
        f"all {what} are gone",
        lambda: ", ".join(f"{namespace}/{name}" for namespace, name in remaining()),
        seconds=GONE_SECONDS,
        next_step=f"mlp status; {controller} has to run for them to go",
        on_state=lambda left: on_state(f"waiting for {left} to go"),
    )


def _objects(custom: CustomObjectsApi, kind: Kind) -> list[tuple[str, str]]:
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
