"""Step `build-features`: writes feature tables and labels, as known at one time, to the features bucket."""

from __future__ import annotations

import io
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from examples.flights import bucket, clock, raw, rolling
from examples.flights.environment import Environment
from examples.flights.parameters import Parameters, digest_of_files

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("flights.build")

CODE = ("parameters.yaml", "zones.yaml", "clock.py", "rolling.py", "build.py")
"""Files that determine the content of the tables."""


def identity(raw_digest: str, as_of: datetime) -> str:
    """Return the digest of everything that the tables depend on."""
    return bucket.combined({"raw": raw_digest, "code": digest_of_files(*CODE), "as_of": as_of.isoformat()})


def known(table: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return the rows that were known at `as_of`."""
    return table[table["event_timestamp"] <= as_of].reset_index(drop=True)


def tables(raw_tables: dict[str, pd.DataFrame], params: Parameters, as_of: datetime) -> dict[str, pd.DataFrame]:
    """Return every table by name, without anything that happened after `as_of`.

    Args:
        raw_tables: Tables from `raw.read`.
        params: Parameters of the workload.
        as_of: Time of the snapshot.
    """
    flights = clock.completed(
        raw_tables["flights"], raw_tables["airports"], known_after_minutes=params.known_after_minutes
    )
    built = rolling.build(flights, raw_tables["weather"], raw_tables["planes"], params)
    arrived = flights.loc[flights["arrival_known_at"] <= as_of, "flight_id"]
    built["labels"] = built["labels"][built["labels"]["flight_id"].isin(arrived)]
    return {name: known(table, as_of) for name, table in built.items()}


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet; equal tables give equal bytes."""
    out = io.BytesIO()
    table.to_parquet(out, index=False, compression="zstd")
    return out.getvalue()


def run(environment: Environment, params: Parameters, as_of: datetime | None = None) -> dict[str, Any]:
    """Write the tables unless the bucket has the same ones; return their manifest.

    Args:
        environment: Buckets to read and write.
        params: Parameters of the workload.
        as_of: Time of the snapshot; the configured one when None.
    """
    moment = as_of or params.as_of
    source = environment.raw.manifest()
    target = environment.features
    manifest = target.manifest()
    if source and manifest.get("identity") == identity(source["digest"], moment):
        wanted = {f"{name}.parquet" for name in manifest["rows"]}
        if target.names().issuperset(wanted):
            log.info("the bucket already has these feature tables (%s)", manifest["digest"][:12])
            return manifest
    digest, raw_tables = raw.read(environment)
    built = tables(raw_tables, params, moment)
    digests: dict[str, str] = {}
    for name, table in built.items():
        data = parquet(table)
        digests[name] = bucket.sha256(data)
        target.write(f"{name}.parquet", data)
        log.info("%s: %d rows, %.1f MB", name, len(table), len(data) / 1e6)
    manifest = {
        "identity": identity(digest, moment),
        "raw": digest,
        "as_of": moment.isoformat(),
        "rows": {name: len(table) for name, table in built.items()},
        "files": digests,
        "digest": bucket.combined(digests),
    }
    target.write_manifest(manifest)
    return manifest
