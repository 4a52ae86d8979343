"""Stores built images in the user's cache folder: one OCI layout, and one record for each complete image.

`layout/blobs` holds every layer once. A record is written atomically after all blobs that it names exist. An image
without a record does not exist, so an interrupted build leaves no incomplete image.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artifacts.images.files import write_atomically
from artifacts.images.tags import reference
from artifacts.toolchain.lock import held
from common.paths import cache


@dataclass(frozen=True, kw_only=True)
class Record:
    """A built image.

    Attributes:
        reference: Full reference.
        digest: Digest of the manifest, `sha256:...`.
        manifest_bytes: Size of the manifest.
        bytes: Uncompressed size of all layers.
        own_bytes: Part of `bytes` that the parent does not have.
        seconds: Duration of the build without its parents.
    """

    reference: str
    digest: str
    manifest_bytes: int
    bytes: int
    own_bytes: int
    seconds: float


def home() -> Path:
    """Return the folder of all built images."""
    return cache() / "images"


def layout() -> Path:
    """Return the OCI layout."""
    return home() / "layout"


def blob(digest: str) -> Path:
    """Return the file of a blob."""
    return layout() / "blobs" / digest.replace(":", "/")


def _record_path(full_reference: str) -> Path:
    return home() / "records" / (full_reference.rpartition("/")[2].replace(":", "-") + ".json")


def find(name: str) -> Record | None:
    """Return the record of image `name` for its current inputs; None when it is not built."""
    try:
        record = Record(**json.loads(_record_path(reference(name)).read_text()))
    except FileNotFoundError:
        return None
    return record if blob(record.digest).exists() else None


def save(record: Record) -> None:
    """Write a record; the image exists from then on."""
    write_atomically(_record_path(record.reference), json.dumps(asdict(record), indent=1))


def manifest(digest: str) -> dict[str, Any]:
    """Return the manifest with `digest`."""
    return json.loads(blob(digest).read_text())


def layer_bytes(digest: str) -> int:
    """Return the size of all layers of the manifest with `digest`."""
    return sum(layer["size"] for layer in manifest(digest)["layers"])


def index(records: Iterable[Record]) -> dict[str, Any]:
    """Return an OCI index of `records`, each under its full reference."""
    return {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": record.digest,
                "size": record.manifest_bytes,
                "annotations": {
                    "org.opencontainers.image.ref.name": record.reference,
                    "io.containerd.image.name": record.reference,
                },
            }
            for record in records
        ],
    }


def records() -> list[Record]:
    """Return all complete images, including those of earlier inputs."""
    found = [Record(**json.loads(path.read_text())) for path in sorted((home() / "records").glob("[!.]*.json"))]
    return [record for record in found if blob(record.digest).exists()]


def prepare_layout() -> None:
    """Create the layout, or rewrite its index after an interrupted run, so that other tools can read it."""
    (layout() / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    write_atomically(layout() / "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}))
    write_atomically(layout() / "index.json", json.dumps(index(records())))


def digest_in_index(full_reference: str) -> tuple[str, int]:
    """Return (manifest digest, size) of the image that was just written to the layout as `full_reference`."""
    for entry in json.loads((layout() / "index.json").read_text())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == full_reference:
            return entry["digest"], entry["size"]
    raise LookupError(full_reference)


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """Return mount points below `folder`, innermost first, from the text of /proc/self/mountinfo."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    return sorted((point for point in points if Path(point).is_relative_to(folder)), key=len, reverse=True)


def remove_leftovers() -> None:
    """Remove the mounts and build contexts of an interrupted build; the caller holds the lock."""
    for point in mounts_below(home(), Path("/proc/self/mountinfo").read_text()):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    shutil.rmtree(home() / "work", ignore_errors=True)
    (home() / "work").mkdir(parents=True)


@contextlib.contextmanager
def locked(work: str) -> Iterator[None]:
    """Hold the lock on the image cache; another run waits and shows which process holds it."""
    with held(home() / "lock", work):
        yield


def sizes(names: Iterable[str]) -> Mapping[str, Record | None]:
    """Return name -> record, None where an image is not built."""
    return {name: find(name) for name in names}
