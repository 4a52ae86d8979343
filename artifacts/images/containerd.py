"""Imports built images into the embedded cluster's containerd, as one stream of the blobs that it lacks."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from artifacts.images import store
from artifacts.images.catalog import catalog
from artifacts.images.store import Record
from common import progress
from common.errors import UserError
from common.progress import Step

SOCKET = Path("/run/mlp/containerd/containerd.sock")
NAMESPACE = "k8s.io"
"""containerd namespace from which the kubelet takes images."""

BYTES_PER_SECOND = 60e6
"""Import speed for uncompressed layers on two cores; used for the estimate only."""


def complete(check: str) -> dict[str, str]:
    """Return reference -> digest of the images that are complete and unpacked.

    Args:
        check: Output of `ctr images check`: columns REF, TYPE, DIGEST, STATUS, SIZE, UNPACKED.
    """
    found = {}
    for line in check.splitlines()[1:]:
        words = line.split()
        if len(words) > 4 and words[3] == "complete" and words[-1] == "true":
            found[words[0]] = words[2]
    return found


def blobs_of(records: Iterable[Record]) -> dict[str, int]:
    """Return digest -> size of every blob of `records`; manifests come last, as an import requires."""
    layers: dict[str, int] = {}
    manifests: dict[str, int] = {}
    for record in records:
        content = store.manifest(record.digest)
        for part in [content["config"], *content["layers"]]:
            layers[part["digest"]] = part["size"]
        manifests[record.digest] = record.manifest_bytes
    return layers | manifests


def write_archive(out: IO[bytes], records: list[Record], present: set[str], step: Step | None = None) -> int:
    """Write an OCI archive of `records` without the blobs that are already `present`.

    Args:
        out: Stream to write to.
        records: Images of the archive.
        present: Digests to leave out.
        step: Its detail shows the bytes written.

    Returns:
        Number of blob bytes written.
    """
    wanted = {digest: size for digest, size in blobs_of(records).items() if digest not in present}
    total = sum(wanted.values())
    written = 0
    with tarfile.open(fileobj=out, mode="w|", bufsize=1 << 20) as archive:
        for digest, size in wanted.items():
            archive.add(store.blob(digest), arcname=f"blobs/{digest.replace(':', '/')}")
            written += size
            if step is not None:
                step.detail = f"{written / 1e6:.0f} of {total / 1e6:.0f} MB"
        for name, content in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", store.index(records))):
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return total


def ctr(socket: Path, *arguments: str) -> list[str]:
    """Return the command line of containerd's client."""
    from artifacts.toolchain import binary

    return [str(binary("ctr")), "--address", str(socket), "--namespace", NAMESPACE, *arguments]


def _read(socket: Path, *arguments: str) -> str:
    try:
        return subprocess.run(ctr(socket, *arguments), capture_output=True, text=True, check=True).stdout
    except (subprocess.CalledProcessError, FileNotFoundError) as fault:
        raise UserError(
            "containerd of the embedded cluster does not respond.",
            seen=getattr(fault, "stderr", None) or fault,
            next_step="mlp cluster start",
        ) from None


def present(socket: Path = SOCKET) -> dict[str, str]:
    """Return reference -> digest of the images that containerd has, complete and unpacked.

    Raises:
        UserError: containerd does not respond.
    """
    return complete(_read(socket, "images", "check"))


def load(names: Iterable[str] | None = None, socket: Path = SOCKET) -> None:
    """Import the images that containerd lacks or has under another digest.

    Args:
        names: Images; when None, all images that the platform runs.
        socket: containerd's socket.

    Raises:
        UserError: containerd does not respond, an image is not built, or the import failed.
    """
    known = present(socket)
    wanted = []
    for name in catalog().wanted(names):
        record = store.find(name)
        if record is None:
            raise UserError(f"Image {name} is not built.", next_step=f"mlp images build {name}")
        if known.get(record.reference) != record.digest:
            wanted.append(record)
    if not wanted:
        return
    blobs = set(_read(socket, "content", "ls", "--quiet").split())
    missing = sum(size for digest, size in blobs_of(wanted).items() if digest not in blobs)
    title = f"Importing {len(wanted)} images, {missing / 1e6:.0f} MB"
    with progress.step(title, estimate=max(missing / BYTES_PER_SECOND, 1)) as step:
        _import(socket, wanted, blobs, step)
        left = [record.reference for record in wanted if present(socket).get(record.reference) != record.digest]
        if left:
            raise UserError(
                "containerd did not import all images.",
                seen=f"missing: {', '.join(left)}",
                next_step="mlp images load",
            )


def _import(socket: Path, wanted: list[Record], blobs: set[str], step: Step) -> None:
    """Stream one archive into `ctr images import`."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ctr(socket, "images", "import", "-"), stdin=subprocess.PIPE, stdout=errors, stderr=errors
        )
        assert process.stdin is not None  # noqa: S101 - stdin=PIPE
        try:
            with process.stdin:
                write_archive(process.stdin, wanted, blobs, step)
            step.detail = "unpacking"
        except BrokenPipeError:
            step.detail = "containerd stopped reading"
        if process.wait():
            errors.seek(0)
            raise UserError(
                "containerd could not import the images.",
                seen="\n" + errors.read().decode(errors="replace")[-2000:],
                next_step="mlp cluster logs containerd",
            )
