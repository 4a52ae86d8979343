"""Renders pinned components into `.mlp/upstream/` and verifies them; needs no network when they are rendered."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from artifacts.manifests import prune, sources
from artifacts.manifests import render as rendering
from artifacts.manifests.pins import Digests, Pins, pins, read_lock, write_lock
from artifacts.manifests.prune import Object
from common import paths, progress
from common.errors import UserError

ESTIMATE_SECONDS = 20.0
"""Estimate for one component; the download takes most of it (KServe's module is 64 MB)."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A rendered and verified component.

    Attributes:
        name: Name of the component.
        version: Upstream release.
        crds_path: YAML stream of its CustomResourceDefinitions; may be empty.
        crds_sha256: Digest of that file.
        objects: All other objects, sorted by key; copy them before changing them.
    """

    name: str
    version: str
    crds_path: Path
    crds_sha256: str
    objects: list[Object]


def folder(name: str) -> Path:
    """Return the folder that contains the rendered files of component `name`."""
    return paths.UPSTREAM / name


def file_digest(path: Path) -> str | None:
    """Return the sha256 of a file; None when it does not exist."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def is_valid(name: str, locked: Digests | None, wanted: Pins) -> bool:
    """Return whether the rendered files match the lock, and the lock matches the current pins."""
    return (
        locked is not None
        and locked.pin == wanted.digest(name)
        and file_digest(folder(name) / "crds.yaml") == locked.crds
        and file_digest(folder(name) / "manifests.yaml") == locked.manifests
    )


def verify(name: str, found: Digests, locked: Digests | None) -> None:
    """Refuse a rendered result that differs from lock.yaml.

    Raises:
        UserError: A digest differs; shows both digests.
    """
    if found == locked:
        return
    update = f"if the change is intended, review it and run: mlp vendor {name} --update-pins"
    if locked is None:
        raise UserError(f"Upstream component {name} has no digests in artifacts/manifests/lock.yaml.", next_step=update)
    for field in Digests.model_fields:
        seen, allowed = getattr(found, field), getattr(locked, field)
        if seen != allowed:
            raise UserError(
                f"Upstream component {name}: {field} does not match its digest in artifacts/manifests/lock.yaml.",
                seen=seen,
                allowed=allowed,
                next_step=update,
            )


def vendor(name: str, *, wanted: Pins, locked: Digests | None, update: bool, mirror: str | None = None) -> Digests:
    """Fetch, render, verify and write one component; return its digests.

    Raises:
        UserError: The component cannot be fetched or rendered, or differs from its digests and `update` is not set.
    """
    component = wanted.component(name)
    if locked is not None and not update and locked.pin != wanted.digest(name):
        verify(name, locked.model_copy(update={"pin": wanted.digest(name)}), locked)
    expected = None if update or locked is None else locked.module
    archive = sources.fetch(component.module, component.go_version, expected=expected, mirror=mirror)
    crds, manifests = rendering.render(component, archive, wanted.kubernetes)
    found = Digests(
        module=archive.checksum, pin=wanted.digest(name), crds=prune.digest(crds), manifests=prune.digest(manifests)
    )
    if not update:
        verify(name, found, locked)
    _write(folder(name), {"crds.yaml": crds, "manifests.yaml": manifests})
    return found


def _write(destination: Path, files: dict[str, str]) -> None:
    """Replace the folder `destination` by one with `files`; an interruption never leaves a mixture of old and new."""
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    for file, text in files.items():
        (temporary / file).write_text(text)
    shutil.rmtree(destination, ignore_errors=True)
    temporary.rename(destination)


def ensure(names: Iterable[str] | None = None, *, update: bool = False, mirror: str | None = None) -> list[str]:
    """Render the components that are missing or outdated; return their names.

    Args:
        names: Components; when None, all pinned ones.
        update: Render all of `names`, accept the result and rewrite artifacts/manifests/lock.yaml.
        mirror: URL or folder of a mirror that replaces the module proxy.

    Raises:
        UserError: See `vendor`.
    """
    wanted = pins()
    lock = read_lock()
    chosen = list(wanted.components) if names is None else list(names)
    for name in chosen:
        wanted.component(name)
    todo = [name for name in chosen if update or not is_valid(name, lock.get(name), wanted)]
    for name in todo:
        with progress.step(f"Rendering {name} {wanted.component(name).version}", estimate=ESTIMATE_SECONDS):
            lock[name] = vendor(name, wanted=wanted, locked=lock.get(name), update=update, mirror=mirror)
    if update:
        write_lock({name: lock[name] for name in lock if name in wanted.components})
    return todo


def rendered(name: str) -> Rendered:
    """Return a rendered component; call `ensure` first.

    Raises:
        UserError: The component is not rendered, or its files differ from the lock.
    """
    wanted = pins()
    component = wanted.component(name)
    locked = read_lock().get(name)
    if locked is None or not is_valid(name, locked, wanted):
        raise UserError(
            f"Upstream component {name} is not rendered, or its files differ from the pinned ones.",
            seen=f"{folder(name)}: {file_digest(folder(name) / 'manifests.yaml') or 'not rendered'}",
            allowed=locked.manifests if locked else None,
            next_step=f"mlp vendor {name}",
        )
    return Rendered(
        name=name,
        version=component.version,
        crds_path=folder(name) / "crds.yaml",
        crds_sha256=locked.crds,
        objects=list(prune.parse((folder(name) / "manifests.yaml").read_text())),
    )
