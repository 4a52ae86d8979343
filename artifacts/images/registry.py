"""A container registry, through skopeo: what a reference names there, and copies that are verified."""

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
"""Hosts whose registry may speak plain HTTP."""


@dataclass(frozen=True)
class Registry:
    """Where images go.

    Attributes:
        url: Registry and path that stand before an image's name.
        user: User name; the ambient login (`~/.docker/config.json`, `skopeo login`) when None.
        password: Its password; never on a command line.
    """

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def reference(self, built: str) -> str:
        """Return the reference there of an image that was built here."""
        return f"{self.url.rstrip('/')}/{built.removeprefix(REGISTRY + '/')}"

    @contextlib.contextmanager
    def login(self) -> Iterator[Login]:
        """Yield the login; its file is there for as long as the block runs."""
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
    """The file with the login, None for the ambient one."""

    file: Path | None = None

    def words(self, reference: str, prefix: str = "") -> list[str]:
        """Return skopeo's arguments for `reference`; `prefix` is `dest-` where a command has two sides."""
        words = [] if self.file is None else [f"--{prefix}authfile", str(self.file)]
        plain = reference.partition("/")[0].partition(":")[0] in LOOPBACK
        return [*words, f"--{prefix}tls-verify=false"] if plain else words


def digest_of(manifest: bytes) -> str:
    """Return the digest of a manifest."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def by_digest(reference: str, digest: str) -> str:
    """Return `registry/name@digest` for a reference with a tag, a digest or both."""
    name = reference.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


def manifest(reference: str, login: Login) -> bytes | None:
    """Return the manifest behind a reference, None when the registry does not show one."""
    command = ["skopeo", "inspect", "--raw", *login.words(reference), f"docker://{reference}"]
    found = subprocess.run(command, capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None


def config_digest(raw: bytes) -> str | None:
    """Return the digest of an image's configuration: it names every layer uncompressed, so compression keeps it."""
    content: dict[str, Any] = json.loads(raw)
    return content.get("config", {}).get("digest")


def copy(source: str, target: str, options: list[str], login: Login, *, what: str, log: Path, step: Step) -> bytes:
    """Copy an image and return the manifest that the registry then shows for `target`.

    Args:
        source: skopeo's name of it, `oci:FOLDER:REFERENCE`.
        target: Reference in the registry.
        options: Further arguments of `skopeo copy`.
        login: To the registry.
        what: Of which image, for messages.
        log: File for skopeo's output.
        step: Its detail becomes the newest line.

    Raises:
        UserError: The copy failed, or the registry does not show it.
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
            next_step="see that the repository is there and the login may write to it; what is pushed stays",
        ) from None
    found = manifest(target, login)
    if found is None:
        raise UserError(
            f"{what.capitalize()} was pushed, but the registry does not show it.",
            seen=target,
            next_step="see that the login may read from the repository, then push again",
        )
    return found
