"""The gRPC server: forwards every RPC of the service to the store, and serves the standard health service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc

from services.ml_metadata.store import UNAVAILABLE, CallFailed, Store

LOGGER = logging.getLogger("metadata")

THREADS = 128
"""Maximum of parallel calls, including health checks; most of them wait for the database."""

MESSAGE_BYTES = 64 * 1024 * 1024
"""Maximum size of a request or response; the lineage of long histories exceeds gRPC's default of 4 MiB."""

STATUS = {status.value[0]: status for status in grpc.StatusCode}

HEALTH = "grpc.health.v1.Health"
DATABASE = "database"
"""Name of the health service for the database; the service with the empty name is for this process."""

HEALTH_SECONDS = 2.0
"""Timeout of a health check of the database."""

HEALTH_REQUESTS = {b"": "", b"\x0a\x00": "", b"\x0a" + bytes([len(DATABASE)]) + DATABASE.encode(): DATABASE}
"""Serialized HealthCheckRequest -> name of the service; the message has one string field."""

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""Serialized HealthCheckResponses; the message has one enum field."""

Handler = Callable[..., bytes]
"""Handler of an RPC: (serialized request, ServicerContext) -> serialized response."""


def rpc(store: Store, name: str) -> Handler:
    """Return the handler of RPC `name`."""

    def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return store.call(name, request)
        except CallFailed as failure:
            if failure.code == UNAVAILABLE:
                LOGGER.error("%s: %s", name, failure)
            context.abort(STATUS.get(failure.code, grpc.StatusCode.UNKNOWN), str(failure))

    return handle


def health(store: Store) -> Handler:
    """Return the handler of the health service's Check."""

    def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
        service = HEALTH_REQUESTS.get(request)
        if service is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown health service; allowed: '' and {DATABASE!r}")
        return SERVING if not service or store.is_readable(HEALTH_SECONDS) else NOT_SERVING

    return handle


def serve(store: Store, service: str, methods: Iterable[str], port: int) -> tuple[grpc.Server, int]:
    """Start a server on all addresses.

    Args:
        store: Store that executes the calls.
        service: Full name of the service.
        methods: RPCs of the service; those that the library lacks return UNIMPLEMENTED.
        port: Port to listen on; 0 chooses a free port.

    Returns:
        The server and its port.

    Raises:
        RuntimeError: The port is in use.
    """
    known = set(store.functions())
    handlers = {name: grpc.unary_unary_rpc_method_handler(rpc(store, name)) for name in methods if name in known}
    check = {"Check": grpc.unary_unary_rpc_method_handler(health(store))}
    server = grpc.server(
        ThreadPoolExecutor(max_workers=THREADS),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ],
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(service, handlers),
            grpc.method_handlers_generic_handler(HEALTH, check),
        )
    )
    bound = server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server, bound
