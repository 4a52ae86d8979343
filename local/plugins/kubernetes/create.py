"""Makes an object, or takes over the one that an interrupted `up` left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

from local.plugins.kubernetes.apply import FORCE, apply, body, patiently
from local.plugins.kubernetes.client import ApiError, Applied, Object
from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.delete import delete, gone
from local.plugins.kubernetes.discovery import ResourceType
from local.plugins.kubernetes.immutable import refused
from local.plugins.kubernetes.request import Subject
from local.plugins.protocol.errors import PluginError

ENDING = frozenset({"Job", "Pod"})
"""Kinds that run to an end and hold no data: one of ours that is in the way may be deleted."""


def place(cluster: Cluster, type_: ResourceType, it: Subject) -> str | None:
    """Return the namespace an object goes to, None for kinds without one."""
    return it.namespace(cluster.namespace()) if type_.namespaced else None


def put(
    cluster: Cluster,
    type_: ResourceType,
    it: Subject,
    *,
    seconds: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
    warn: Callable[[str], None],
    ignored: tuple[str, ...] = (),
) -> Object:
    """Apply an object, again and again while the server's refusal passes by itself."""
    space = place(cluster, type_, it)
    client = cluster.connection().client
    path = type_.path(space, it.name)
    force = forced(cluster, it)

    def once() -> Applied:
        sent = body(it.inputs.value, it.api_version, it.kind, space)
        return apply(client, path, sent, manager=it.manager, force=force, ignored=ignored, warn=warn)

    applied = patiently(once, seconds=seconds, cancelled=cancelled, status=status)
    if not cluster.settings.suppress_deprecations:
        for text in applied.warnings:
            warn(it.safe(text))
    return applied.live


def make_way(
    cluster: Cluster,
    type_: ResourceType,
    it: Subject,
    *,
    seconds: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
) -> None:
    """See to it that the name is free, or that what has it may be taken over.

    Raises:
        PluginError: The object exists and belongs to somebody else.
    """
    space = place(cluster, type_, it)
    client = cluster.connection().client
    try:
        live = client.get(type_.path(space, it.name))
    except ApiError as error:
        if error.status != 404:
            raise
        return
    if "deletionTimestamp" in live["metadata"]:
        gone(client, type_, space, it.name, seconds=seconds, cancelled=cancelled, status=status)
    elif not may_take(cluster, it, live):
        raise exists(it, live)
    elif it.kind in ENDING and it.ours(live) and _unchangeable(cluster, type_, it):
        delete(
            client, type_, space, it.name, policy=None, seconds=seconds, cancelled=cancelled, status=status, wait=True
        )


def _unchangeable(cluster: Cluster, type_: ResourceType, it: Subject) -> bool:
    """Whether what an interrupted `up` of another version of the program left cannot become what is asked for."""
    space = place(cluster, type_, it)
    sent = body(it.inputs.value, it.api_version, it.kind, space)
    path = type_.path(space, it.name)
    try:
        apply(cluster.connection().client, path, sent, manager=it.manager, force=True, dry_run=True)
    except ApiError as error:
        return bool(refused(error, {("spec", "template")}))
    return False


def may_take(cluster: Cluster, it: Subject, live: Object) -> bool:
    """Tell whether an object that exists already may be applied over."""
    return it.patch or cluster.settings.upsert or it.ours(live) or forced(cluster, it)


def forced(cluster: Cluster, it: Subject) -> bool:
    """Tell whether the user asked to take fields over from any manager."""
    return cluster.settings.patch_force or it.annotation(FORCE).lower() == "true"


def exists(it: Subject, live: Object) -> PluginError:
    """Return the error for an object that exists and is not ours: who made it, and the ways out."""
    metadata = live["metadata"]
    managers = dict.fromkeys(entry.get("manager", "?") for entry in metadata.get("managedFields") or [])
    named = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
    return PluginError(
        f"{it.kind} {named} exists already and is not of this resource\n"
        f"  managed by: {', '.join(managers) or 'nobody'}\n"
        f"  next: import it (`pulumi import TYPE NAME {named}`), give this one another name, "
        f"or set upsertExistingObjects on the provider"
    )
