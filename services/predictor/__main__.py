"""Entry point `python -m services.predictor`."""

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
    # OpenMP reads this when LightGBM is loaded. A small model does not need a pool of threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Disable Feast's telemetry.
    os.environ.setdefault("FEAST_USAGE", "False")

    import uvloop

    from services.predictor.server import serve

    uvloop.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
