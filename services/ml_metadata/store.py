"""Calls the library on one database connection, and reconnects after the database was unavailable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

LOGGER = logging.getLogger("metadata")

INTERNAL = 13
"""gRPC status code that the library returns when an SQL statement failed; errors of callers have other codes."""

UNAVAILABLE = 14

PROBE = "GetArtifactTypes"
"""Cheap call to check the database; it reads one small table."""

NEVER_ARRIVED = "server has gone away"
"""Part of the library's message when a statement could not be sent; nothing was changed, so it is safe to repeat."""

STATEMENT_FAILURES = 3
"""Number of failures of a read on working connections after which the error is returned to the caller."""

RETRY_SECONDS = 0.5
"""Pause between two attempts to reach an unavailable database."""


class CallFailed(Exception):
    """A call failed.

    Attributes:
        code: gRPC status code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Library(Protocol):
    """The functions of `ml_metadata.metadata_store.pywrap`: one that creates a store, and one for each RPC.

    The function of an RPC has the RPC's name. It takes the store and a serialized request, and returns (serialized
    response, message, status code).
    """

    def CreateMetadataStore(self, connection: bytes, migration: bytes) -> object:
        """Connect to the database in a serialized ConnectionConfig; raise RuntimeError when that fails."""
        ...


class Store:
    """A store with one connection, which executes one call at a time.

    The library's store is not thread-safe. Also, clients create the same type or context at the same time; on several
    connections, one of them would fail with a duplicate or a deadlock. A call takes a few milliseconds, and a pipeline
    run makes some dozens of calls.

    While the database is unavailable, calls wait for it, because a pipeline step fails with its first failed call.
    """

    def __init__(self, library: Library, connection: bytes, migration: bytes, wait_seconds: float) -> None:
        """Prepare the store; the first call connects.

        Args:
            library: The extension module.
            connection: Serialized ConnectionConfig.
            migration: Serialized MigrationOptions.
            wait_seconds: How long a call waits for an unavailable database.
        """
        self._library = library
        self._connection = connection
        self._migration = migration
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._handle: object | None = None

    def functions(self) -> list[str]:
        """Return the names of the RPCs that the library implements."""
        return [name for name in dir(self._library) if name.startswith(("Get", "Put"))]

    def is_readable(self, seconds: float) -> bool:
        """Return whether the database can be read now; False when this takes longer than `seconds`."""
        if not self._lock.acquire(timeout=seconds):
            return False
        try:
            self._read(PROBE, b"", time.monotonic())
        except CallFailed as failure:
            LOGGER.warning("the database cannot be read: %s", failure)
            return False
        finally:
            self._lock.release()
        return True

    def call(self, name: str, request: bytes) -> bytes:
        """Execute RPC `name` and return its serialized response; wait while the database is unavailable.

        Before a write, a read checks the connection, so that a restart of the database is noticed. When the connection
        breaks during a write, the write may have been executed: it is not repeated, and the client gets an error.

        Raises:
            CallFailed: With the library's status and message, or UNAVAILABLE when the wait timed out.
        """
        deadline = time.monotonic() + self._wait_seconds
        with self._lock:
            if name.startswith("Get"):
                return self._read(name, request, deadline)
            while True:
                self._read(PROBE, b"", deadline)
                try:
                    return self._once(name, request)
                except CallFailed as failure:
                    if failure.code != INTERNAL:
                        raise
                    if NEVER_ARRIVED not in str(failure):
                        raise CallFailed(f"the database failed during {name}: {failure}", UNAVAILABLE) from None

    def _read(self, name: str, request: bytes, deadline: float) -> bytes:
        """Execute a read-only RPC and return its response; wait until `deadline` for an unavailable database."""
        failures = 0
        while True:
            try:
                return self._once(name, request)
            except CallFailed as failure:
                failures += failure.code == INTERNAL
                broken = failure.code == INTERNAL and failures < STATEMENT_FAILURES
                away = failure.code == UNAVAILABLE and time.monotonic() < deadline
                if not (broken or away):
                    raise
                LOGGER.warning("retrying %s: %s", name, failure)
                if away:
                    time.sleep(RETRY_SECONDS)

    def _once(self, name: str, request: bytes) -> bytes:
        """Execute an RPC once and return its response.

        After a failed statement, close the connection: the library crashes when it reconnects a second time itself.
        """
        if self._handle is None:
            try:
                self._handle = self._library.CreateMetadataStore(self._connection, self._migration)
            except RuntimeError as error:
                raise CallFailed(str(error), UNAVAILABLE) from None
        function: Callable[[object, bytes], tuple[bytes, bytes, int]] = getattr(self._library, name)
        response, message, code = function(self._handle, request)
        if code == INTERNAL:
            self._handle = None
        if code:
            raise CallFailed(message.decode(errors="replace"), code)
        return response
