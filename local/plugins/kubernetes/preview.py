"""What a preview shows: differences, refusals and outputs, all of it asked by dry runs.

A cluster that does not answer, an unknown value, a namespace or a definition that an `up` would make first:
in each case the preview goes on with what the program alone says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.protobuf.struct_pb2 import Struct

from local.plugins.kubernetes.apply import apply, body, conflicts, tolerable
from local.plugins.kubernetes.client import ApiError, Object, Unreachable
from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.create import exists, forced, may_take, place
from local.plugins.kubernetes.diff import Difference, compare
from local.plugins.kubernetes.discovery import ResourceType, UnknownKind
from local.plugins.kubernetes.immutable import refused
from local.plugins.kubernetes.outputs import outputs, predicted
from local.plugins.kubernetes.request import Subject, subject
from local.plugins.protocol.errors import PluginError
from local.plugins.protocol.values import Properties, encode


def difference(
    cluster: Cluster, urn: str, olds: Properties, news: Properties, state: Callable[[], dict[str, Any]]
) -> Difference:
    """Compare old and new inputs; what the server alone knows to be immutable is asked by a dry run."""
    it = subject(urn, news)
    found = compare(it.api_version, it.kind, olds.value, news.value, cluster.namespace())
    if not found.changes or found.replaces or it.unknown:
        return found
    reached = cluster.if_it_answers()
    if reached is None:
        return found
    it = subject(urn, news, state())
    try:
        type_ = reached.discovery.find(it.api_version, it.kind)
        _dry_run(cluster, type_, it, ())
    except ApiError as error:
        if unable := refused(error, set(found.changes)):
            made_up = compare(it.api_version, it.kind, olds.value, news.value).delete_first
            return replace(found, replaces=unable, delete_first=made_up or _same_name(olds, news))
    except (UnknownKind, Unreachable, PluginError):
        pass  # the update itself reports what is wrong
    return found


def preview_create(cluster: Cluster, urn: str, inputs: Properties) -> Struct:
    """Return the outputs a creation would have, as far as they can be known.

    Raises:
        PluginError: The server would refuse.
    """
    it = subject(urn, inputs)
    _try(cluster, it, (), creates=True)
    return encode(predicted(it.api_version, it.kind, inputs.value), it.inputs.secrets)


def preview_update(
    cluster: Cluster, urn: str, state: dict[str, Any], inputs: Properties, ignored: tuple[str, ...]
) -> Struct:
    """Return the outputs an update would have.

    Raises:
        PluginError: The server would refuse.
    """
    it = subject(urn, inputs, state)
    live = _try(cluster, it, ignored, creates=False)
    if live is None:
        kept = {key: value for key, value in state.items() if key not in {"data", "stringData"}}
        return encode({**kept, **inputs.value}, it.inputs.secrets)
    return encode(*outputs(live, it.inputs, it.manager))


def _try(cluster: Cluster, it: Subject, ignored: tuple[str, ...], *, creates: bool) -> Object | None:
    """Dry-run an apply; None when the server cannot say yet."""
    reached = None if it.unknown else cluster.if_it_answers()
    if reached is None:
        return None
    try:
        type_ = reached.discovery.find(it.api_version, it.kind)
        live, created = _dry_run(cluster, type_, it, ignored)
        if creates and not created and not may_take(cluster, it, live) and "deletionTimestamp" not in live["metadata"]:
            raise exists(it, live)
    except ApiError as error:
        if (tolerable(error) and not conflicts(error)) or (creates and _goes_first(cluster, it, error)):
            return None
        raise PluginError(it.safe(error)) from None
    except (UnknownKind, Unreachable):
        return None
    except PluginError as error:
        if creates and (theirs := _theirs(cluster, it)):
            raise exists(it, theirs) from None
        raise PluginError(it.safe(error)) from None
    return live


def _goes_first(cluster: Cluster, it: Subject, error: ApiError) -> bool:
    """Tell whether a creation is refused only because its predecessor, deleted before it, is still there."""
    live = _live(cluster, it) if error.status == 422 else None
    return live is not None and it.ours(live)


def _theirs(cluster: Cluster, it: Subject) -> Object | None:
    """Return the object that has the name already, when it may not be taken over."""
    live = _live(cluster, it)
    return None if live is None or may_take(cluster, it, live) else live


def _live(cluster: Cluster, it: Subject) -> Object | None:
    connection = cluster.connection()
    type_ = connection.discovery.find(it.api_version, it.kind)
    try:
        return connection.client.get(type_.path(place(cluster, type_, it), it.name))
    except (ApiError, Unreachable):
        return None


def _dry_run(cluster: Cluster, type_: ResourceType, it: Subject, ignored: tuple[str, ...]) -> tuple[Object, bool]:
    space = place(cluster, type_, it)
    sent = body(it.inputs.value, it.api_version, it.kind, space)
    applied = apply(
        cluster.connection().client,
        type_.path(space, it.name),
        sent,
        manager=it.manager,
        force=forced(cluster, it),
        ignored=ignored,
        dry_run=True,
    )
    return applied.live, applied.created


def _same_name(olds: Properties, news: Properties) -> bool:
    old, new = olds.value.get("metadata"), news.value.get("metadata")
    return isinstance(old, dict) and isinstance(new, dict) and old.get("name") == new.get("name")
