"""Fetches the zip of a Go module from the machine's module proxy or from a mirror, and unpacks a part of it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError

MIRROR_VARIABLE = "MLP_UPSTREAM_MIRROR"
"""Variable with the URL or folder of a mirror, in the layout of a Go module proxy, that replaces the module proxy."""


@dataclass(frozen=True)
class Archive:
    """The zip of a module on this machine, with Go's checksum of it (`h1:...`)."""

    module: str
    version: str
    zip: Path
    checksum: str


def proxy(mirror: str) -> str:
    """Return `mirror` as a value of GOPROXY.

    Raises:
        UserError: The mirror is neither a URL nor an existing folder.
    """
    if mirror.startswith(("https://", "http://", "file://")):
        return mirror
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise UserError(
            "The upstream mirror does not exist.",
            seen=mirror,
            allowed="an https:// or file:// URL, or a folder, in the layout of a Go module proxy",
            next_step=f"correct or unset {MIRROR_VARIABLE}",
        )
    return folder.resolve().as_uri()


def environment(base: dict[str, str], mirror: str | None, *, pinned: bool = False) -> dict[str, str]:
    """Return the environment of `go mod download`; with a mirror, Go contacts nothing else.

    A module with a pinned checksum is verified against that checksum only, because the checksum database does not know
    all modules.
    """
    fixed = {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=mod", **({"GOSUMDB": "off"} if pinned else {})}
    if mirror:
        fixed |= {"GOPROXY": proxy(mirror), "GONOPROXY": "none", "GOSUMDB": "off", "GOVCS": "*:off"}
    return {**base, **fixed}


def fetch(module: str, version: str, *, expected: str | None, mirror: str | None = None) -> Archive:
    """Return the zip of `module` at `version`, downloading it unless the module cache has it.

    Args:
        module: Module path.
        version: Module version with a leading v.
        expected: Go's checksum that the zip must have; None accepts any.
        mirror: URL or folder of a mirror; when None, the variable MLP_UPSTREAM_MIRROR.

    Raises:
        UserError: The module cannot be fetched, or its checksum differs from the pinned one.
    """
    from artifacts.toolchain import go

    compiler = go.ensure()
    mirror = mirror or os.environ.get(MIRROR_VARIABLE) or None
    name = f"{module}@{version}"
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [compiler.executable, "mod", "download", "-json", name],
            cwd=empty,
            env=environment(dict(os.environ), mirror, pinned=expected is not None),
            capture_output=True,
            text=True,
            check=False,
        )
    # Go also exits with an error when the module requires a newer compiler, although the zip has been downloaded.
    answer = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}
    if "Zip" not in answer or "Sum" not in answer:
        raise UserError(
            f"{name} could not be fetched.",
            seen=(answer.get("Error") or done.stderr).strip()[-600:],
            next_step=f"check access to {mirror or 'the Go module proxy'}, then: mlp vendor",
        )
    archive = Archive(module, version, Path(answer["Zip"]), answer["Sum"])
    if expected and archive.checksum != expected:
        raise UserError(
            f"The checksum of {name} differs from the pinned one.",
            seen=archive.checksum,
            allowed=expected,
            next_step="if the change is intended, review it and run: mlp vendor --update-pins",
        )
    return archive


def unpack(archive: Archive, path: str, destination: Path) -> Path:
    """Unpack the archive's top-level folder that contains `path`; return the unpacked path.

    Raises:
        UserError: The archive does not contain `path`.
    """
    root = f"{archive.module}@{archive.version}/"
    top = root + path.split("/", 1)[0]
    with zipfile.ZipFile(archive.zip) as opened:
        members = [name for name in opened.namelist() if name == top or name.startswith(top + "/")]
        opened.extractall(destination, members)
    found = destination / root / path
    if not found.exists():
        raise UserError(
            f"{archive.module}@{archive.version} does not contain {path}.",
            next_step="correct artifacts/manifests/pins.yaml",
        )
    return found
