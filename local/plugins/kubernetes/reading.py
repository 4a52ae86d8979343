"""Reads an object for a refresh, an import or a `get`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct

from local.plugins.kubernetes.client import ApiError, Client, Object, Unreachable
from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.discovery import UnknownKind
from local.plugins.kubernetes.drift import refreshed
from local.plugins.kubernetes.names import identity, parse_identity
from local.plugins.kubernetes.outputs import outputs, trimmed
from local.plugins.kubernetes.request import subject
from local.plugins.kubernetes.waiting.ready import look
from local.plugins.protocol.errors import PluginError
from local.plugins.protocol.secrets import mark, merge
from local.plugins.protocol.values import Properties, encode

SERVER_SET = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


@dataclass(frozen=True)
class Found:
    """A live object.

    Attributes:
        id: Its identity.
        outputs: Its state.
        inputs: Inputs that would make it.
        unchanged: True when the cluster could not be asked and the state stands.
        trouble: Why the object is not ready; empty when it is, or when nobody waits for it.
    """

    id: str
    outputs: Struct
    inputs: Struct
    unchanged: bool = False
    trouble: str = ""


def read(cluster: Cluster, urn: str, id_: str, state: Properties, inputs: Properties) -> Found | None:
    """Return the live object, or None when it is gone.

    Args:
        cluster: Where to look.
        urn: Of the resource.
        id_: `namespace/name`, or `name`.
        state: Outputs of the last `up`; empty for an import.
        inputs: Inputs of the last `up`; empty for an import.

    Raises:
        PluginError: The cluster does not answer.
    """
    it = subject(urn, inputs, state.value)
    space, name = parse_identity(id_)
    try:
        connection = cluster.connection()
        type_ = connection.discovery.find(it.api_version, it.kind)
        if type_.namespaced and space is None:
            space = cluster.namespace()
        live = connection.client.get(type_.path(space if type_.namespaced else None, name))
    except UnknownKind:
        return None
    except ApiError as error:
        if error.status == 404:
            return None
        raise PluginError(it.safe(error)) from None
    except Unreachable as error:
        if cluster.settings.skip_update_unreachable:
            return Found(id_, Struct(), Struct(), unchanged=True)
        raise PluginError(f"{error}\n  next: start the cluster, or set skipUpdateUnreachable") from None
    value, secrets = outputs(live, it.inputs, it.manager)
    if inputs.value:
        seen = refreshed(inputs.value, live, it.manager)
        marks = merge(it.inputs.secrets, mark(seen, it.hidden()))
    else:
        seen, marks = _as_inputs(live), it.inputs.secrets
    trouble = it.safe(_trouble(connection.client, live)) if inputs.value and not it.patch else ""
    return Found(identity(live), encode(value, merge(secrets, state.secrets)), encode(seen, marks), trouble=trouble)


def _trouble(client: Client, live: Object) -> str:
    """Return why an object is not ready; a refresh records it, so that the next `up` waits for it again."""
    try:
        return look(client, live).reason
    except (ApiError, Unreachable, PluginError):
        return ""


def _as_inputs(live: Object) -> dict[str, Any]:
    """Return a live object as a program would write it, with the server's defaults."""
    result = trimmed(live)
    result.pop("status", None)
    result["metadata"] = {key: value for key, value in result["metadata"].items() if key not in SERVER_SET}
    return result
