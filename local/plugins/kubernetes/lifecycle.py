"""Create, update and delete of one object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct

from local.plugins.kubernetes.apply import body
from local.plugins.kubernetes.client import ApiError, Object, Unreachable
from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.create import make_way, put
from local.plugins.kubernetes.delete import PROPAGATION, delete
from local.plugins.kubernetes.discovery import ResourceType, UnknownKind
from local.plugins.kubernetes.names import identity, parse_identity
from local.plugins.kubernetes.outputs import outputs
from local.plugins.kubernetes.request import Subject, subject
from local.plugins.kubernetes.waiting.loop import NotReady
from local.plugins.kubernetes.waiting.ready import SKIP, notes_of, timeout, wait
from local.plugins.protocol.errors import InitFailed, PluginError
from local.plugins.protocol.values import Properties, encode


@dataclass(frozen=True)
class Effort:
    """How long to try, when to stop, where to say what happens.

    Attributes:
        seconds: Custom timeout of the resource; 0 when it has none.
        cancelled: Set when the user interrupts.
        status: Takes the passing status.
        warn: Takes lasting warnings.
    """

    seconds: float
    cancelled: threading.Event
    status: Callable[[str], None]
    warn: Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """An object that was made or changed."""

    id: str
    outputs: Struct


def create(cluster: Cluster, urn: str, inputs: Properties, effort: Effort) -> Made:
    """Make an object and wait until it is ready.

    Raises:
        PluginError: It was not made.
        InitFailed: It was made and is not ready.
    """
    it = subject(urn, inputs)
    seconds = timeout(effort.seconds, notes_of(inputs.value))
    try:
        type_ = cluster.await_kind(it.api_version, it.kind, effort.cancelled)
        make_way(cluster, type_, it, seconds=seconds, cancelled=effort.cancelled, status=effort.status)
        live = put(
            cluster, type_, it, seconds=seconds, cancelled=effort.cancelled, status=_safe(it, effort), warn=effort.warn
        )
    except (ApiError, Unreachable, PluginError) as error:
        raise PluginError(it.safe(error)) from None
    return _ready(cluster, type_, it, live, effort)


def update(
    cluster: Cluster, urn: str, state: dict[str, Any], inputs: Properties, ignored: tuple[str, ...], effort: Effort
) -> Made:
    """Change an object in place and wait until it is ready.

    Raises:
        PluginError: It was not changed.
        InitFailed: It was changed and is not ready.
    """
    it = subject(urn, inputs, state)
    seconds = timeout(effort.seconds, notes_of(inputs.value))
    try:
        type_ = cluster.await_kind(it.api_version, it.kind, effort.cancelled)
        live = put(
            cluster,
            type_,
            it,
            seconds=seconds,
            cancelled=effort.cancelled,
            status=_safe(it, effort),
            warn=effort.warn,
            ignored=ignored,
        )
    except (ApiError, Unreachable, PluginError) as error:
        raise PluginError(it.safe(error)) from None
    return _ready(cluster, type_, it, live, effort)


def remove(cluster: Cluster, urn: str, id_: str, state: Properties, effort: Effort) -> None:
    """Delete an object and wait until it is gone; a patch only gives its fields up.

    Raises:
        PluginError: The cluster does not answer, or something holds the object.
    """
    it = subject(urn, state, state.value)
    space, name = parse_identity(id_)
    notes = notes_of(state.value)
    try:
        connection = cluster.connection()
        type_ = connection.discovery.find(it.api_version, it.kind)
        if it.patch:
            _release(cluster, type_, it, space, name)
            return
        delete(
            connection.client,
            type_,
            space,
            name,
            policy=notes.get(PROPAGATION),
            seconds=timeout(effort.seconds, notes),
            cancelled=effort.cancelled,
            status=effort.status,
            wait=str(notes.get(SKIP, "")).lower() != "true",
        )
    except UnknownKind:
        return  # its definition went, and all objects with it
    except Unreachable as error:
        if not cluster.settings.delete_unreachable:
            raise PluginError(f"{error}\n  next: start the cluster, or set deleteUnreachable") from None
        effort.warn(f"{it.kind} {name} is forgotten, its cluster does not answer: {error}")
    except (ApiError, PluginError) as error:
        raise PluginError(it.safe(error)) from None


def _ready(cluster: Cluster, type_: ResourceType, it: Subject, live: Object, effort: Effort) -> Made:
    client = cluster.connection().client
    try:
        ended = wait(
            client, type_, live, requested=effort.seconds, cancelled=effort.cancelled, status=_safe(it, effort)
        )
    except NotReady as error:
        seen = error.live if "kind" in error.live else live
        raise InitFailed(
            identity(seen), encode(*outputs(seen, it.inputs, it.manager)), [it.safe(text) for text in error.reasons]
        ) from None
    except (ApiError, Unreachable, PluginError) as error:
        raise InitFailed(identity(live), encode(*outputs(live, it.inputs, it.manager)), [it.safe(error)]) from None
    return Made(identity(ended), encode(*outputs(ended, it.inputs, it.manager)))


def _release(cluster: Cluster, type_: ResourceType, it: Subject, space: str | None, name: str) -> None:
    client, path = cluster.connection().client, type_.path(space, name)
    try:
        client.get(path)
    except ApiError as error:
        if error.status == 404:
            return
        raise
    empty = body({"metadata": {"name": name}}, it.api_version, it.kind, space)
    client.apply(path, empty, manager=it.manager)


def _safe(it: Subject, effort: Effort) -> Callable[[str], None]:
    return lambda text: effort.status(it.safe(text))
