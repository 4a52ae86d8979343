"""A real container registry on loopback, and an OCI layout with a small image to push to it."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.debian_programs import unpacked

CONFIGURATION = """version: 0.1
storage:
  filesystem: {{rootdirectory: {folder}/registry}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: error}}
"""


def program() -> Path:
    """Return the path of Debian's docker-registry."""
    return unpacked("docker-registry") / "usr" / "bin" / "docker-registry"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a registry while the block runs and yield its address, `127.0.0.1:PORT`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
    log = (folder / "registry.log").open("ab")
    process = subprocess.Popen([str(program()), "serve", str(configuration)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the registry did not start: {(folder / 'registry.log').read_text()[-2000:]}")
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def blob(layout: Path, content: bytes) -> dict[str, Any]:
    """Add a blob to a layout and return its digest and size."""
    name = hashlib.sha256(content).hexdigest()
    (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (layout / "blobs" / "sha256" / name).write_bytes(content)
    return {"digest": f"sha256:{name}", "size": len(content)}


def image(layout: Path, text: str) -> dict[str, Any]:
    """Add an image with one file that holds `text` and return its manifest's digest and size."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("text")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    layer = out.getvalue()
    kind = "application/vnd.oci.image"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", **blob(layout, json.dumps(config).encode())},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar", **blob(layout, layer)}],
    }
    return blob(layout, json.dumps(manifest).encode())
