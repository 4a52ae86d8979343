"""Pushes images to a stack's registry: images built here, and upstream images pinned by digest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artifacts.images import store
from artifacts.images.pushed import Pushed
from artifacts.images.registry import Login, Registry, by_digest, config_digest, copy, digest_of, manifest
from artifacts.images.store import Record
from artifacts.images.tags import inputs_tag
from common import paths, progress
from common.errors import UserError
from common.progress import Step

__all__ = ["Registry", "push", "push_upstream"]


def _log() -> Path:
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    return paths.LOGS / "images-push.log"


def push(names: Iterable[str], registry: Registry) -> tuple[dict[str, Pushed], list[str]]:
    """Push the images that the registry lacks.

    Args:
        names: Images; all must be built.
        registry: Target registry.

    Returns:
        The registry's entry for each image, and the references that were pushed now.

    Raises:
        UserError: An image is not built, the registry refuses it, or the registry has another image under its tag.
    """
    records = {name: store.find(name) for name in names}
    if missing := sorted(name for name, record in records.items() if record is None):
        raise UserError(
            "Some images are not built.", seen=", ".join(missing), next_step=f"mlp images build {' '.join(missing)}"
        )
    there: dict[str, Pushed] = {}
    new: list[str] = []
    with progress.step(f"Pushing {len(records)} images to {registry.url}") as step, registry.login() as login:
        for name, record in records.items():
            assert record is not None  # noqa: S101 - missing images are refused above
            target = registry.reference(record.reference)
            step.detail = target
            found = manifest(target, login)
            if found is None:
                found = _copy_built(name, record, target, login, step)
                new.append(target)
            _check_built(name, record, target, found)
            tag = record.reference.rpartition(":")[2]
            there[name] = Pushed(inputs=inputs_tag(name), tag=tag, digest=digest_of(found))
    return there, new


def _copy_built(name: str, record: Record, target: str, login: Login, step: Step) -> bytes:
    source = f"oci:{store.layout()}:{record.reference}"
    return copy(source, target, [], login, what=f"image {name}", log=_log(), step=step)


def _check_built(name: str, record: Record, target: str, found: bytes) -> None:
    """Check that the registry has the image that was built here: tags are content hashes and never move."""
    built = store.manifest(record.digest)["config"]["digest"]
    if (seen := config_digest(found)) != built:
        raise UserError(
            f"The registry has a different image {name} under this tag.",
            seen=f"{target}: configuration {seen}",
            allowed=f"configuration {built}",
            next_step="find out who moved the tag, remove it from the registry, then push again",
        )


def push_upstream(pairs: Iterable[tuple[str, str]], registry: Registry) -> list[str]:
    """Copy upstream images into the registry; return the references that were copied now.

    All platforms of an image are copied byte for byte, so that the digest stays the same.

    Args:
        pairs: Source `registry/name:tag@sha256:...` (the tag is optional), and target in `registry`.
        registry: Target registry.

    Raises:
        UserError: A source has no digest or cannot be fetched, or the target's tag names another image.
    """
    new: list[str] = []
    wanted = list(pairs)
    with progress.step(f"Copying {len(wanted)} upstream images to {registry.url}") as step, registry.login() as login:
        for source, given in wanted:
            digest = source.partition("@")[2]
            if not digest.startswith("sha256:"):
                raise UserError(
                    "An upstream image is not pinned by digest, so upstream could change it.",
                    seen=source,
                    allowed="name@sha256:... or name:tag@sha256:...",
                    next_step="pin it by digest",
                )
            target = given.partition("@")[0]
            if ":" not in target.rpartition("/")[2]:
                target += f":{digest.replace(':', '-')[:19]}"
            step.detail = target
            found = manifest(target, login)
            if found is None:
                found = _copy_upstream(source, digest, target, login, step)
                new.append(target)
            _check_upstream(target, digest, found, login)
    return new


def _copy_upstream(source: str, digest: str, target: str, login: Login, step: Step) -> bytes:
    name = target.rpartition("/")[2].partition(":")[0]
    options = ["--all", "--preserve-digests"]
    origin = f"docker://{by_digest(source, digest)}"
    return copy(origin, target, options, login, what=f"image {name}", log=_log(), step=step)


def _check_upstream(target: str, digest: str, found: bytes, login: Login) -> None:
    """Check that both the tag and the digest name the pinned image."""
    if (seen := digest_of(found)) != digest:
        raise UserError(
            f"The registry has a different image under {target}.",
            seen=seen,
            allowed=digest,
            next_step="find out who moved the tag, remove it from the registry, then push again",
        )
    if manifest(by_digest(target, digest), login) is None:
        raise UserError(f"The registry does not have {by_digest(target, digest)}.", next_step="push again")
