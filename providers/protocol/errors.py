"""Failures of a plugin, as the engine wants to hear of them."""

from __future__ import annotations

from typing import NoReturn

import grpc


class PluginError(Exception):
    """An operation failed; the message is shown to the user as it is."""


def abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End the call with `error`."""
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise error
