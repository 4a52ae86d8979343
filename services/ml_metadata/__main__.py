"""Entry point `python -m services.ml_metadata`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from services.ml_metadata import settings
from services.ml_metadata.store import PROBE, CallFailed

LOGGER = logging.getLogger("metadata")

GRACE_SECONDS = 10.0
"""Time to complete running calls when the server stops."""


def main() -> None:
    """Serve until TERM or INT.

    Raises:
        SystemExit: A setting is wrong, or the database cannot be opened.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        chosen = settings.read(os.environ)
    except settings.SettingError as error:
        raise SystemExit(str(error)) from None
    # The first process of a container only receives signals for which it has a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())

    from services.ml_metadata import library
    from services.ml_metadata.server import serve

    store = library.store(chosen)
    try:
        store.call(PROBE, b"")
    except CallFailed as failure:
        raise SystemExit(
            f"The database {chosen.database()} could not be opened within {chosen.wait_seconds:.0f} s: {failure}"
        ) from None
    server, port = serve(store, library.SERVICE, library.methods(), chosen.port)
    LOGGER.info("serving %s on port %d, database %s", library.SERVICE, port, chosen.database())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


if __name__ == "__main__":
    main()
