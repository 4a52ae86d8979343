"""`python -m metadata`: serve until TERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

from metadata import settings
from metadata.store import Failed, Store

LOGGER = logging.getLogger("metadata")

RETRY_SECONDS = 2.0
"""Between two tries at the database while a start waits for it."""

GRACE_SECONDS = 10.0
"""That calls under way are given when the server is told to stop."""


def await_database(store: Store, name: str, seconds: float, stop: threading.Event) -> None:
    """Connect, trying until it works.

    Raises:
        SystemExit: It did not work within `seconds`; says why.
    """
    end = time.monotonic() + seconds
    while not stop.is_set():
        try:
            store.connect()
        except Failed as failure:
            if time.monotonic() > end:
                raise SystemExit(f"{name} could not be opened within {seconds:.0f} s: {failure}") from None
            LOGGER.warning("%s cannot be opened yet: %s", name, failure)
            stop.wait(RETRY_SECONDS)
        else:
            return


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
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    from metadata import library
    from metadata.server import serve

    store = library.store(chosen)
    await_database(store, chosen.database(), chosen.connect_seconds, stop)
    if stop.is_set():
        return
    server, port = serve(store, library.SERVICE, library.methods(), chosen.port)
    LOGGER.info("serving %s on port %d, records in %s", library.SERVICE, port, chosen.database())
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


if __name__ == "__main__":
    main()
