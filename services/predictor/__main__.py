"""`python -m services.predictor`."""

from __future__ import annotations

import os
import sys

from services.predictor import events
from services.predictor.settings import SettingsError, read


def main() -> int:
    """Run the server; return the exit status."""
    try:
        settings = read(os.environ, sys.argv[1:])
    except SettingsError as error:
        events.emit("bad setting", level="error", reason=str(error))
        return 2
    # Read by OpenMP when LightGBM is loaded: one small model needs no pool of threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Nobody is told that a model is served.
    os.environ.setdefault("FEAST_USAGE", "False")

    import uvloop

    from services.predictor.server import serve

    uvloop.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
