"""Serves a provider plugin to the engine that started this process, and ends when the engine ends."""

from __future__ import annotations

import functools
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from providers.protocol.errors import PluginError, abort
from providers.protocol.server_options import CHANNEL_OPTIONS

WORKERS = 96
"""Maximum of parallel calls; most of them only wait for a response."""

Method = TypeVar("Method", bound=Callable[..., Any])


def guarded(method: Method) -> Method:
    """Return exceptions of a method to the engine as gRPC errors; add file and line to unexpected ones."""

    @functools.wraps(method)
    def call(self: object, request: object, context: grpc.ServicerContext) -> object:
        try:
            return method(self, request, context)
        except PluginError as error:
            abort(context, error)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            abort(context, PluginError(f"{type(error).__name__} at {frame.filename}:{frame.lineno}: {error}"))

    return call  # type: ignore[return-value]


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Methods that all plugins have in common.

    Attributes:
        name: Name of the provider.
        version: Version of the plugin that this one replaces.
    """

    name = ""
    version = "0.0.0"

    @override
    def CheckConfig(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Accept all provider settings."""
        return pb.CheckResponse(inputs=request.news)

    @override
    def GetSchema(self, request: pb.GetSchemaRequest, context: grpc.ServicerContext) -> pb.GetSchemaResponse:
        """Return a minimal schema: name and version."""
        return pb.GetSchemaResponse(schema=f'{{"name":"{self.name}","version":"{self.version}"}}')

    @override
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Do nothing: all calls are short."""
        return empty_pb2.Empty()

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Return the version of the plugin that this one replaces."""
        return plugin_pb2.PluginInfo(version=self.version)

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Accept another engine; the plugin keeps no state of an engine."""
        return empty_pb2.Empty()


def serve(servicer: Servicer) -> None:
    """Serve until the engine ends or the process is stopped."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


def end_with_parent() -> None:
    """Exit when the parent process, the engine, has ended."""
    parent = os.getppid()
    try:
        watched = os.pidfd_open(parent)
    except OSError:
        os._exit(0)
    if os.getppid() != parent:
        os._exit(0)
    nothing: list[int] = []
    select.select([watched], nothing, nothing)
    os._exit(0)
