"""Waits for one object by its kind and its annotations."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from local.plugins.kubernetes.client import Client, Object
from local.plugins.kubernetes.discovery import ResourceType
from local.plugins.kubernetes.waiting.loop import LOOK_SECONDS, Target, until
from local.plugins.kubernetes.waiting.others import Check, check_of
from local.plugins.kubernetes.waiting.services import late_claim, service
from local.plugins.kubernetes.waiting.verdict import READY, Verdict
from local.plugins.protocol.errors import PluginError

SKIP = "pulumi.com/skipAwait"
TIMEOUT = "pulumi.com/timeoutSeconds"
WAIT_FOR = "pulumi.com/waitFor"
DEFAULT_SECONDS = 600.0
"""As pulumi-kubernetes has it for most kinds."""


def notes_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return the annotations of inputs or of an object."""
    return (value.get("metadata") or {}).get("annotations") or {}


def timeout(requested: float, notes: dict[str, Any]) -> float:
    """Return the seconds an operation may take: the resource's custom timeout, its annotation, or the default."""
    if requested:
        return requested
    if (text := notes.get(TIMEOUT)) is not None:
        try:
            return float(text)
        except (TypeError, ValueError):
            raise PluginError(f"{TIMEOUT}: {text!r} is no number of seconds") from None
    return DEFAULT_SECONDS


def wait(
    client: Client,
    type_: ResourceType,
    live: Object,
    *,
    requested: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
) -> Object:
    """Wait until `live` is ready, unless its annotations say not to; return it as it then is.

    Raises:
        NotReady: It did not become ready.
    """
    notes = notes_of(live)
    if str(notes.get(SKIP, "")).lower() == "true":
        return live
    metadata = live["metadata"]
    target = Target(
        path=type_.path(metadata.get("namespace"), metadata["name"]),
        collection=type_.collection(metadata.get("namespace")),
        name=metadata["name"],
        what=f"{live['kind']} {metadata['name']}",
        look=1 if live["kind"] == "Service" else LOOK_SECONDS,
    )
    check = _check(client, live, notes)
    if check(live).state == "ready":
        return live
    return until(client, target, check, seconds=timeout(requested, notes), cancelled=cancelled, status=status)


def look(client: Client, live: Object) -> Verdict:
    """Tell whether `live` is ready now, without waiting; always so when its annotations say not to wait."""
    notes = notes_of(live)
    return READY if str(notes.get(SKIP, "")).lower() == "true" else _check(client, live, notes)(live)


def _check(client: Client, live: Object, notes: dict[str, Any]) -> Check:
    if text := notes.get(WAIT_FOR):
        from local.plugins.kubernetes.waiting.waitfor import wait_for

        return wait_for(str(text))
    if live["kind"] == "Service" and live["apiVersion"] == "v1":
        return service(client)
    if live["kind"] == "PersistentVolumeClaim" and live["apiVersion"] == "v1":
        return late_claim(client)
    return check_of(live["apiVersion"], live["kind"])
