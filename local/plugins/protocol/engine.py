"""The engine's log: lines that stay and status that passes."""

from __future__ import annotations

import contextlib

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from local.plugins.protocol.server_options import CHANNEL_OPTIONS


class Engine:
    """Writes to the engine that started the plugin; silent when there is none."""

    def __init__(self, address: str | None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
            self._stub = engine_pb2_grpc.EngineStub(channel)

    def status(self, urn: str, message: str) -> None:
        """Show `message` as the resource's current status."""
        self._log(engine_pb2.INFO, urn, message, ephemeral=True)

    def warn(self, urn: str, message: str) -> None:
        """Leave a warning with the resource."""
        self._log(engine_pb2.WARNING, urn, message, ephemeral=False)

    def info(self, urn: str, message: str) -> None:
        """Leave a line with the resource."""
        self._log(engine_pb2.INFO, urn, message, ephemeral=False)

    def _log(self, severity: engine_pb2.LogSeverity.ValueType, urn: str, message: str, *, ephemeral: bool) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        with contextlib.suppress(grpc.RpcError):  # a lost line must never fail an operation
            self._stub.Log(request, timeout=5)
