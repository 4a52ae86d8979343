"""Pushes built images to a registry: under their content's tag, and only those that it lacks."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from images import store
from images.catalog import REGISTRY
from images.shell import run
from mlp import paths, progress
from mlp.errors import UserError


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
    def login(self) -> Iterator[list[str]]:
        """Yield skopeo's arguments for the login; its file is there for as long as the block runs."""
        if self.user is None:
            yield []
            return
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        content = {"auths": {self.url.partition("/")[0]: {"auth": token}}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "auth.json"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                json.dump(content, handle)
            yield ["--authfile", str(path)]


def has(reference: str, login: list[str]) -> bool:
    """Whether the registry has the reference: tags are content hashes and never move."""
    command = ["skopeo", "inspect", "--raw", *login, f"docker://{reference}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def push(names: Iterable[str], registry: Registry) -> list[str]:
    """Push images and return the references that were new.

    Args:
        names: Images; all must be built.
        registry: Where to.

    Raises:
        UserError: An image is not built, or the registry refuses it.
    """
    records = {name: store.find(name) for name in names}
    if missing := sorted(name for name, record in records.items() if record is None):
        raise UserError(
            "Not every image is built.", seen=", ".join(missing), next_step=f"mlp images build {' '.join(missing)}"
        )
    pushed: list[str] = []
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / "images-push.log"
    with progress.step(f"Pushing {len(records)} images to {registry.url}") as step, registry.login() as login:
        for name, record in records.items():
            assert record is not None  # noqa: S101 - those are refused above
            target = registry.reference(record.reference)
            step.detail = target
            if has(target, login):
                continue
            source = f"oci:{store.layout()}:{record.reference}"
            command = ["skopeo", "--insecure-policy", "copy", *login, source, f"docker://{target}"]
            try:
                run(command, what=f"image {name}", log=log, step=step)
            except UserError as fault:
                raise UserError(
                    f"Image {name} could not be pushed to {target}.",
                    seen=fault.seen,
                    next_step="see that the repository is there and the login may write to it; what is pushed stays",
                ) from None
            pushed.append(target)
    return pushed
