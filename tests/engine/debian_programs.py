"""Programs from Debian packages for tests, unpacked into the cache folder and never installed on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from artifacts.images import debian, mirror
from artifacts.images.catalog import catalog
from common.paths import cache

LIBRARIES = "usr/lib/x86_64-linux-gnu"


def unpacked(*packages: str) -> Path:
    """Return a folder with the files of some packages, from the Debian release of the images.

    Args:
        packages: Names; the first one names the folder, the others are libraries that it needs.
    """
    folder = cache() / "test-programs" / packages[0]
    if folder.is_dir():
        return folder
    known = mirror.ensure_resolved()
    configuration = debian.suite_folder(known.generation, catalog().suite) / "apt.conf"
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    got = subprocess.run(
        ["apt-get", "-q", "download", *packages],
        cwd=temporary,
        env={**os.environ, "APT_CONFIG": str(configuration)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert got.returncode == 0, got.stderr
    for archive in temporary.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(archive), str(temporary)], check=True)
        archive.unlink()
    try:
        temporary.rename(folder)
    except OSError:  # another test process has unpacked it already
        shutil.rmtree(temporary)
    return folder


def with_libraries(folder: Path) -> dict[str, str]:
    """Return environment variables with which an unpacked program finds its libraries."""
    return {**os.environ, "LD_LIBRARY_PATH": str(folder / LIBRARIES)}
