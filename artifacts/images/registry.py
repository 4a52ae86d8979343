"""Accesses a container registry through skopeo: reads manifests, copies images and verifies the copies."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artifacts.images.catalog import REGISTRY
from artifacts.images.shell import run
from common.errors import UserError
from common.progress import Step

LOOPBACK = ("127.0.0.1", "localhost")
"""Hosts that may be reached over plain HTTP."""


@dataclass(frozen=True)
class Registry:
    """A target registry and its login.

    Attributes:
        url: Registry and path before an image's name.
        user: User name; when None, the machine's login is used (`~/.docker/config.json`, `skopeo login`).
        password: Password of the user; never put on a command line.
    """

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def reference(self, built: str) -> str:
        """Return the reference in this registry of the image with the local reference `built`."""
        return f"{self.url.rstrip('/')}/{built.removeprefix(REGISTRY + '/')}"

    @contextlib.contextmanager
    def login(self) -> Iterator[Login]:
        """Yield the login; its file exists while the block runs."""
        if self.user is None:
            yield Login()
            return
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        content = {"auths": {self.url.partition("/")[0]: {"auth": token}}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "auth.json"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                json.dump(content, handle)
            yield Login(path)


@dataclass(frozen=True)
class Login:
    """The file with the login; None for the machine's login."""

    file: Path | None = None

    def words(self, reference: str, prefix: str = "") -> list[str]:
        """Return skopeo's login and TLS arguments for `reference`; `prefix` is `src-` or `dest-` in a copy command."""
        words = [] if self.file is None else [f"--{prefix}authfile", str(self.file)]
        plain = reference.partition("/")[0].partition(":")[0] in LOOPBACK
        return [*words, f"--{prefix}tls-verify=false"] if plain else words


def digest_of(manifest: bytes) -> str:
    """Return the digest of a manifest."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def by_digest(reference: str, digest: str) -> str:
    """Return `registry/name@digest` for a reference with a tag, a digest, or both."""
    name = reference.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


def manifest(reference: str, login: Login) -> bytes | None:
    """Return the manifest of a reference; None when the registry does not return one."""
    command = ["skopeo", "inspect", "--raw", *login.words(reference), f"docker://{reference}"]
    found = subprocess.run(command, capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None


def config_digest(raw: bytes) -> str | None:
    """Return the digest of an image's configuration, which stays the same when layers are compressed."""
    content: dict[str, Any] = json.loads(raw)
    return content.get("config", {}).get("digest")


def copy(source: str, target: str, options: list[str], login: Login, *, what: str, log: Path, step: Step) -> bytes:
    """Copy an image and return the manifest that the registry then has for `target`.

    Args:
        source: Source in skopeo's notation, `oci:FOLDER:REFERENCE`.
        target: Reference in the registry.
        options: Further arguments of `skopeo copy`.
        login: Login to the registry.
        what: Name of the image, for messages.
        log: File for skopeo's output.
        step: Its detail is set to the latest line of output.

    Raises:
        UserError: The copy failed, or the registry does not return the manifest.
    """
    command = ["skopeo", "--insecure-policy", "copy", *options, *login.words(target, "dest-")]
    if source.startswith("docker://"):
        command += Login().words(source.removeprefix("docker://"), "src-")
    try:
        run([*command, source, f"docker://{target}"], what=what, log=log, step=step)
    except UserError as fault:
        raise UserError(
            f"{what.capitalize()} could not be pushed to {target}.",
            seen=fault.seen,
            next_step="check that the repository exists and that the login may write to it, then push again",
        ) from None
    found = manifest(target, login)
    if found is None:
        raise UserError(
            f"{what.capitalize()} was pushed, but cannot be read from the registry.",
            seen=target,
            next_step="check that the login may read from the repository, then push again",
        )
    return found
