"""Command line of the workload's steps, for Kubernetes Jobs: `python -m examples.flights STEP`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from examples.flights import build, environment, parameters, raw
from examples.flights.environment import Environment
from examples.flights.parameters import Parameters

if TYPE_CHECKING:
    from feast import FeatureStore

log = logging.getLogger("flights")

STEPS = ("load-raw", "build-features", "apply", "materialize", "train")
"""Steps of `run-all`, in order."""


class Chain:
    """Runs steps in one process; creates objects that several steps need once."""

    def __init__(self, where: Environment, params: Parameters, as_of: datetime | None) -> None:
        self._where = where
        self._params = params
        self._as_of = as_of
        self._store: FeatureStore | None = None

    @property
    def store(self) -> FeatureStore:
        """The platform's feature store; created on first use, because importing Feast takes seconds."""
        if self._store is None:
            from examples.flights import registry

            self._store = registry.open_store(self._where)
        return self._store

    @property
    def manifest(self) -> dict[str, Any]:
        """Manifest of the feature tables.

        Raises:
            FileNotFoundError: The features bucket contains no feature tables.
        """
        found = self._where.features.manifest()
        if not found:
            raise FileNotFoundError(
                f"bucket {self._where.features_bucket} contains no feature tables; run `build-features` first"
            )
        return found

    def run(self, step: str) -> None:
        """Run one step."""
        if step == "load-raw":
            raw.load(self._where)
        elif step == "build-features":
            build.run(self._where, self._params, self._as_of)
        else:
            self._run_on_store(step)

    def _run_on_store(self, step: str) -> None:
        from examples.flights import registry, train

        if step == "apply":
            registry.apply(self._where, self.store)
        elif step == "materialize":
            registry.materialize(self._where, self.store, self.manifest)
        elif step == "feature-service":
            log.info("%s%s", registry.REGISTERED, registry.fingerprint(self.store))
        elif step == "verify":
            registry.verify(self._where, self.store, self.manifest)
        else:
            train.run(self._where, self._params, self.store, self.manifest)


def instant(text: str) -> datetime:
    """Parse an ISO 8601 time; UTC when it has no time zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named step; return exit status 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "verify", "feature-service", "run-all"])
    parser.add_argument("--as-of", type=instant, help="time of the feature snapshot (build-features, run-all)")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    logging.getLogger("flights").setLevel(logging.INFO)
    chain = Chain(environment.read(), parameters.parameters(), options.as_of)
    for step in STEPS if options.step == "run-all" else [options.step]:
        started = time.monotonic()
        log.info("%s ...", step)
        try:
            chain.run(step)
        except Exception as error:
            log.exception("%s failed after %.1f s: %s", step, time.monotonic() - started, error)
            return 1
        log.info("%s done in %.1f s", step, time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
