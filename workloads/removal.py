"""Removes what users deployed, while the controllers that finish a deletion still run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlp.errors import UserError
from workloads.platform import Platform

if TYPE_CHECKING:
    from kubernetes.client import CustomObjectsApi

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
GONE_SECONDS = 120.0


def remove_deployments(platform: Platform, on_state: Callable[[str], None] = lambda _: None) -> int:
    """Delete every InferenceService and wait until it is gone; return how many there were.

    KServe's controller holds them by a finalizer: deleted after it, they would keep their namespace for ever.

    Args:
        platform: Where.
        on_state: Called with what is being waited for.

    Raises:
        UserError: Something is still there after GONE_SECONDS.
    """
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    found = _services(custom)
    for namespace, name in found:
        custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, name, propagation_policy="Foreground")
    until = time.monotonic() + GONE_SECONDS
    while left := _services(custom):
        names = ", ".join(f"{namespace}/{name}" for namespace, name in left)
        on_state(f"waiting for {names} to go")
        if time.monotonic() > until:
            raise UserError(
                f"InferenceServices are still there {GONE_SECONDS:.0f} s after their deletion",
                seen=names,
                next_step="mlp status; the KServe controller has to run for them to go",
            )
        _next_change(custom)
    return len(found)


def _services(custom: CustomObjectsApi) -> list[tuple[str, str]]:
    from kubernetes.client import ApiException

    try:
        listed = custom.list_cluster_custom_object(GROUP, VERSION, PLURAL)
    except ApiException as error:
        if error.status == 404:  # the definition itself is not there
            return []
        raise
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed["items"]]


def _next_change(custom: CustomObjectsApi) -> None:
    """Return at the next event of any InferenceService, after one second at the latest."""
    from kubernetes import watch

    watcher = watch.Watch()
    for event in watcher.stream(custom.list_cluster_custom_object, GROUP, VERSION, PLURAL, timeout_seconds=1):
        if event["type"] == "DELETED":
            watcher.stop()
