"""The gRPC side: every RPC of the service as one call of the store, and the standard health service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc

from services.ml_metadata.store import UNAVAILABLE, CallFailed, Store

LOGGER = logging.getLogger("metadata")

THREADS = 128
"""Calls that may wait at once for their turn or for the database, health checks beside them."""

MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest request or response; lineage of long histories is far over gRPC's 4 MiB."""

STATUS = {status.value[0]: status for status in grpc.StatusCode}

HEALTH = "grpc.health.v1.Health"
DATABASE = "database"
"""Health service that answers whether the database can be read; the empty name answers whether this process lives."""

HEALTH_SECONDS = 2.0
"""That a health check of the database may take."""

HEALTH_REQUESTS = {b"": "", b"\x0a\x00": "", b"\x0a" + bytes([len(DATABASE)]) + DATABASE.encode(): DATABASE}
"""Serialized HealthCheckRequests that are known: one string field, the service."""

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""Serialized HealthCheckResponses: one enum field."""

Handler = Callable[..., bytes]
"""Answers one call: (serialized request, ServicerContext) -> serialized response; gRPC types it no closer."""


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
            context.abort(grpc.StatusCode.NOT_FOUND, f"known services: the empty one and {DATABASE!r}")
        return SERVING if not service or store.is_readable(HEALTH_SECONDS) else NOT_SERVING

    return handle


def serve(store: Store, service: str, methods: Iterable[str], port: int) -> tuple[grpc.Server, int]:
    """Start to serve on all addresses.

    Args:
        store: Answers the calls.
        service: Full name of the service.
        methods: Its RPCs; those that the store's library lacks are answered with UNIMPLEMENTED.
        port: Where to listen; 0 takes a free port.

    Returns:
        The server and its port.

    Raises:
        RuntimeError: The port is taken.
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
