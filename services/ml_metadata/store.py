"""One connection to the records, mended when the database was away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

LOGGER = logging.getLogger("metadata")

INTERNAL = 13
"""gRPC's status code that the library gives when a statement failed; everything a caller can cause has another."""

UNAVAILABLE = 14

PROBE = "GetArtifactTypes"
"""Cheapest call that asks the database: one small table."""

NEVER_ARRIVED = "server has gone away"
"""In the library's message when a statement could not be sent: its transaction was rolled back, nothing was done."""

STATEMENT_FAILURES = 3
"""How often a read may fail on connections that could be made: then it is the read that is at fault."""

RETRY_SECONDS = 0.5
"""Between two tries at a database that is away."""


class CallFailed(Exception):
    """A call failed.

    Attributes:
        code: gRPC's status code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Library(Protocol):
    """The functions of `ml_metadata.metadata_store.pywrap` that make a store; the others have the RPCs' names.

    Each of those takes the store and a serialized request, and returns (serialized response, message, status code).
    """

    def CreateMetadataStore(self, connection: bytes, migration: bytes) -> object:
        """Return a store on the database that a serialized ConnectionConfig names; RuntimeError when it cannot."""
        ...


class Store:
    """One connection, used by one call at a time.

    Calls take turns because the library's store may not be shared by threads, and because the server's clients make
    the same type or context at once: with several connections one of them would fail as a duplicate or a deadlock.
    A call takes a few milliseconds, a run of a pipeline makes some dozens of them.

    While the database is away calls wait for it, for Pipelines' steps fail with their first failed call.
    """

    def __init__(self, library: Library, connection: bytes, migration: bytes, wait_seconds: float) -> None:
        """Prepare the store; connects at the first call.

        Args:
            library: The extension module.
            connection: Serialized ConnectionConfig.
            migration: Serialized MigrationOptions.
            wait_seconds: How long a call waits for a database that is away.
        """
        self._library = library
        self._connection = connection
        self._migration = migration
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._handle: object | None = None

    def functions(self) -> list[str]:
        """Return the names of the RPCs that the library has."""
        return [name for name in dir(self._library) if name.startswith(("Get", "Put"))]

    def is_readable(self, seconds: float) -> bool:
        """Return whether the database can be read now; False also when that is not known within `seconds`."""
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
        """Return the serialized response of RPC `name`, as soon as the database answers.

        A write is made on a connection that has just answered a read, so a database that was restarted since the last
        call is noticed first. When the connection breaks during a write all the same, the write may have been carried
        out: it is not repeated, and its client is told.

        Raises:
            CallFailed: The library's own status and message, or UNAVAILABLE when the database is away for too long.
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
        """Return the response of an RPC that changes nothing, waiting until `deadline` for a database that is away."""
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
                LOGGER.warning("%s is made again: %s", name, failure)
                if away:
                    time.sleep(RETRY_SECONDS)

    def _once(self, name: str, request: bytes) -> bytes:
        """Return the response of one try.

        After a failed statement the connection is given up: the library does not survive its own attempts at making
        another (it crashes at the second).
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
