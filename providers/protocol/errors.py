"""Errors of a plugin, and how they are returned to the engine."""

from __future__ import annotations

from typing import NoReturn

import grpc


class PluginError(Exception):
    """An operation failed; the engine shows the message to the user unchanged."""


def abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End the gRPC call with `error`."""
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise error
