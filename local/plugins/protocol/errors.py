"""Failures of a plugin, as the engine wants to hear of them."""

from __future__ import annotations

from typing import NoReturn

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

DETAILS_KEY = "grpc-status-details-bin"


class PluginError(Exception):
    """An operation failed; the message is shown to the user as it is."""


class InitFailed(Exception):
    """The object exists but did not become ready: the engine records it, and tries again at the next `up`.

    Attributes:
        id: Identity of the object.
        outputs: Its state, already encoded.
        inputs: Its inputs, where the operation reads them.
        reasons: Why it is not ready, one text each.
    """

    def __init__(self, id_: str, outputs: Struct, reasons: list[str], inputs: Struct | None = None) -> None:
        super().__init__("; ".join(reasons))
        self.id = id_
        self.outputs = outputs
        self.inputs = inputs
        self.reasons = reasons


def abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End the call with `error`, with the details the engine understands."""
    if isinstance(error, InitFailed):
        # Only a plugin's own process loads it: kfp has a message of the same name, and a process may have one of them.
        from pulumi.runtime.proto import status_pb2

        detail = provider_pb2.ErrorResourceInitFailed(
            id=error.id, properties=error.outputs, reasons=error.reasons, inputs=error.inputs
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message="the object is not ready")
        entry = status.details.add()
        entry.type_url = "type.googleapis.com/pulumirpc.ErrorResourceInitFailed"
        entry.value = detail.SerializeToString()
        context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, "the object is not ready")
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise error
