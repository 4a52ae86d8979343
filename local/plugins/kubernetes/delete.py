"""Deletes an object and waits until it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from local.plugins.kubernetes.client import ApiError, Client, Object, Unreachable
from local.plugins.kubernetes.discovery import ResourceType
from local.plugins.kubernetes.waiting.conditions import explained
from local.plugins.kubernetes.waiting.loop import LOOK_SECONDS
from local.plugins.protocol.errors import PluginError

PROPAGATION = "pulumi.com/deletionPropagationPolicy"
POLICIES = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}


def delete(
    client: Client,
    type_: ResourceType,
    namespace: str | None,
    name: str,
    *,
    policy: str | None,
    seconds: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
    wait: bool = True,
) -> None:
    """Delete an object; return when it is gone, or at once when it already was.

    Args:
        client: Connection to the cluster.
        type_: How its kind is addressed.
        namespace: Its namespace, None for cluster-scoped ones.
        name: Its name.
        policy: `foreground` (dependents first), `background` or `orphan`; by its kind when None.
        seconds: Longest time to wait.
        cancelled: Ends the wait when set.
        status: Gets a line while something holds the object.
        wait: False to return as soon as the server accepted.

    Raises:
        PluginError: It was still there in the end; says what holds it.
    """
    chosen = POLICIES.get((policy or ("foreground" if _owns(type_) else "background")).lower())
    if chosen is None:
        raise PluginError(f"{PROPAGATION}: {policy!r} is unknown; allowed: {', '.join(POLICIES)}")
    path = type_.path(namespace, name)
    try:
        client.delete(path, {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": chosen})
    except ApiError as error:
        if error.status != 404:
            raise
        return
    if wait:
        gone(client, type_, namespace, name, seconds=seconds, cancelled=cancelled, status=status)


def gone(
    client: Client,
    type_: ResourceType,
    namespace: str | None,
    name: str,
    *,
    seconds: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
) -> None:
    """Wait until an object that is being deleted is gone.

    Raises:
        PluginError: It was still there in the end; says what holds it.
    """
    deadline = time.monotonic() + seconds
    uid, shown = None, ""
    while True:
        try:
            live = client.get(type_.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return
            raise
        uid = uid or live["metadata"].get("uid")
        if live["metadata"].get("uid") != uid or "deletionTimestamp" not in live["metadata"]:
            return  # another object took the name
        held = "; ".join(holders(live))
        if cancelled.is_set() or time.monotonic() >= deadline:
            why = "cancelled" if cancelled.is_set() else f"not gone after {seconds:.0f} s"
            raise PluginError(f"{live['kind']} {name} is being deleted, {why}: {held or 'nothing is known to hold it'}")
        if held and held != shown:
            shown = held
            status(f"waiting for its deletion: {held}")
        query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": live["metadata"]["resourceVersion"]}
        try:
            for event, _ in client.watch(type_.collection(namespace), query, LOOK_SECONDS):
                if event in {"DELETED", "ERROR", "MODIFIED"}:
                    break
        except (ApiError, Unreachable):
            cancelled.wait(0.2)


def _owns(type_: ResourceType) -> bool:
    """Tell whether objects of this kind usually own others; only those need the slower, ordered deletion."""
    return type_.root.startswith(("/apis/apps/", "/apis/batch/")) or "." in type_.root.split("/")[2]


def holders(live: Object) -> list[str]:
    """Return what keeps a deleted object there: finalizers, and what a namespace still contains. Pure."""
    metadata = live["metadata"]
    found = [f"finalizer {name}" for name in metadata.get("finalizers") or []]
    found += [f"namespace finalizer {name}" for name in (live.get("spec") or {}).get("finalizers") or []]
    for entry in (live.get("status") or {}).get("conditions") or []:
        if live.get("kind") == "Namespace" and entry.get("status") == "True" and entry.get("message"):
            found.append(explained(entry))
    return found
