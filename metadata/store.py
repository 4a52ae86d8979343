"""One connection to the records, mended when the database was away."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from typing import Protocol

LOGGER = logging.getLogger("metadata")

INTERNAL = 13
UNAVAILABLE = 14
"""Status codes of gRPC, which the library uses as well."""

NEVER_ARRIVED = frozenset({2002, 2003, 2005, 2006, 4031})
"""MySQL's errors for a statement that the server has not seen: no connection could be made, or it was closed before.

What came before it in the same transaction was rolled back, so the whole call can be made again.
"""

CONNECTION_LOST = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1927, 2013, 2055})
"""MySQL's errors for a connection that broke while a statement was under way: it may have been carried out."""

ERROR_NUMBER = re.compile(r"errno: (\d+)")


class Failed(Exception):
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

    def CreateMetadataStore(self, connection: bytes, migration: bytes) -> object:  # the library's name
        """Return a store on the database that a serialized ConnectionConfig names; RuntimeError when it cannot."""
        ...


def error_number(message: str) -> int | None:
    """Return the MySQL error number in one of the library's messages."""
    found = ERROR_NUMBER.search(message)
    return int(found.group(1)) if found else None


class Store:
    """One connection, used by one call at a time.

    Calls take turns because the library's store may not be shared by threads, and because the server's clients make
    the same type or context at once: with several connections one of them would fail as a duplicate or a deadlock.
    A call takes a few milliseconds, a run of a pipeline makes some dozens of them.
    """

    def __init__(self, library: Library, connection: bytes, migration: bytes) -> None:
        """Prepare the store; connects at the first call.

        Args:
            library: The extension module.
            connection: Serialized ConnectionConfig.
            migration: Serialized MigrationOptions.
        """
        self._library = library
        self._connection = connection
        self._migration = migration
        self._lock = threading.Lock()
        self._handle: object | None = None

    def functions(self) -> list[str]:
        """Return the names of the RPCs that the library has."""
        return [name for name in dir(self._library) if name.startswith(("Get", "Put"))]

    def connect(self) -> None:
        """Connect now, and make the tables of an empty database.

        Raises:
            Failed: The database cannot be reached, or refuses.
        """
        with self._lock:
            self._connected()

    def call(self, name: str, request: bytes) -> bytes:
        """Return the serialized response of RPC `name`.

        A call that the database has not seen because its connection was gone is made again on a new one. A call whose
        connection broke half way is made again if it only reads; a write may have been carried out, and its client
        is told so.

        Raises:
            Failed: The library's own status and message, or UNAVAILABLE when the database is.
        """
        with self._lock:
            try:
                return self._once(name, request)
            except Failed as failure:
                number = error_number(str(failure))
                gone = number in NEVER_ARRIVED or number in CONNECTION_LOST
                if not gone:
                    raise
                self._handle = None
                if number in CONNECTION_LOST and not name.startswith("Get"):
                    raise Failed(f"the connection broke during {name}: {failure}", UNAVAILABLE) from None
                LOGGER.warning("%s: %s; connecting anew", name, failure)
            return self._once(name, request)

    def _connected(self) -> object:
        if self._handle is None:
            try:
                self._handle = self._library.CreateMetadataStore(self._connection, self._migration)
            except RuntimeError as error:
                raise Failed(str(error), UNAVAILABLE) from None
        return self._handle

    def _once(self, name: str, request: bytes) -> bytes:
        handle = self._connected()
        function: Callable[[object, bytes], tuple[bytes, bytes, int]] = getattr(self._library, name)
        response, message, code = function(handle, request)
        if code:
            raise Failed(message.decode(errors="replace"), code)
        return response
