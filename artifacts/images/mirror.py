"""Fetches Debian's package lists and packages from the machine's apt sources into a separate folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from artifacts.images import apt, shell
from artifacts.images.catalog import Catalog, catalog
from artifacts.images.debian import (
    STAMP,
    Lock,
    changes,
    home,
    installed_by,
    lock,
    save_versions,
    suite_folder,
    switch,
    unresolved,
    wanted,
)
from artifacts.toolchain.lock import held
from common import paths, progress
from common.errors import UserError
from common.progress import Step


def configuration(folder: Path, options: Iterable[str]) -> str:
    """Return an apt.conf that uses one suite in `folder` and ignores the configuration of the system.

    Args:
        folder: Folder of the suite, as the apt process sees it.
        options: Further settings, one configuration line each.
    """
    lines = [
        f'Dir::Etc "{folder}/etc";',
        'Dir::Etc::sourcelist "/dev/null";',
        f'Dir::Etc::sourceparts "{folder}/etc/sources.list.d";',
        f'Dir::State::lists "{folder}/lists";',
        f'Dir::Cache::archives "{folder}/archives";',
        'Dir::Cache::pkgcache "";',
        'Dir::Cache::srcpkgcache "";',
        'APT::Sandbox::User "root";',
        *options,
    ]
    return "\n".join(lines) + "\n"


def prepare(folder: Path, suite: str) -> None:
    """Write the apt configuration of one suite: for this machine, and for a build that mounts it at /var/lib/apt/lists.

    Raises:
        UserError: This machine has no apt source for Debian.
    """
    for part in ("etc/sources.list.d", "lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # With a `file:` mirror apt links to the mirror's files, which may change later; `copy:` copies them.
    sources = re.sub(r"\bfile:(?=/)", "copy:", apt.sources(suite))
    (folder / "etc" / "sources.list.d" / "machine.sources").write_text(sources)
    (folder / "status").touch()
    status = f'Dir::State::status "{folder}/status";'
    (folder / "apt.conf").write_text(configuration(folder, [*apt.options(), status]))
    offline = ['Debug::NoLocking "true";', 'APT::Get::Download "false";']
    (folder / "build.conf").write_text(configuration(Path("/var/lib/apt/lists"), [*apt.options(), *offline]))


def _apt(folder: Path, arguments: list[str], *, log: Path, step: Step) -> str:
    """Run apt-get on the suite in `folder` and return its output."""
    start = log.stat().st_size if log.exists() else 0
    environment = {"APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "-q", *arguments]
    shell.run(command, what="the Debian package lists", log=log, step=step, environment=environment)
    with log.open() as text:
        text.seek(start)
        return text.read()


def _resolve(generation: str, names: Iterable[str], *, step: Step) -> dict[str, dict[str, str]]:
    """Return the package versions of images, resolved against the lists of a generation."""
    found = {}
    for name in names:
        suite, asked = wanted(catalog())[name]
        step.detail = f"resolving image {name}"
        arguments = ["--simulate", "install", "--no-install-recommends", *asked]
        found[name] = installed_by(_apt(suite_folder(generation, suite), arguments, log=_log(), step=step))
    return found


def _log() -> Path:
    path = paths.LOGS / "images" / "debian.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _fetch_lists(book: Catalog, generation: str, *, step: Step) -> None:
    """Fetch the package lists of every suite into a generation."""
    for suite in sorted({suite for suite, _ in wanted(book).values()}):
        folder = suite_folder(generation, suite)
        prepare(folder, suite)
        try:
            _apt(folder, ["update", "--error-on=any"], log=_log(), step=step)
        except UserError as fault:
            raise UserError(
                f"The package lists of Debian {suite} could not be fetched.",
                seen=fault.seen,
                next_step=f"check that the mirror in /etc/apt/sources.list.d serves {suite}, or add one that does",
            ) from None


def fetch(name: str, *, log: Path, step: Step) -> None:
    """Download the Debian packages of image `name` that are not in the cache.

    Raises:
        UserError: The mirror no longer has a package, or does not respond.
    """
    known = lock()
    assert known is not None  # noqa: S101 - a build resolves first
    suite, asked = wanted(catalog())[name]
    arguments = ["--download-only", "--yes", "install", "--no-install-recommends", *asked]
    try:
        _apt(suite_folder(known.generation, suite), arguments, log=log, step=step)
    except UserError as fault:
        raise UserError(
            f"Debian packages of image {name} could not be downloaded.",
            seen=fault.seen,
            next_step="if the mirror only has newer versions: mlp images update, then run the same command again",
        ) from None


def ensure_resolved() -> Lock:
    """Return the package versions of every image; resolve those that this machine has not resolved yet.

    Raises:
        UserError: This machine has no apt source for a suite, or apt failed.
    """
    known = lock()
    if known is not None and not unresolved(known):
        return known
    with held(home() / "lock", "resolving Debian packages"):
        return _resolve_missing(lock()) or _refresh()


def _resolve_missing(known: Lock | None) -> Lock | None:
    """Resolve new images of the catalog against the present lists; return None when the lists lack a suite."""
    if known is None:
        return None
    if not (missing := unresolved(known)):
        return known
    if any(not suite_folder(known.generation, wanted(catalog())[name][0]).exists() for name in missing):
        return None
    with progress.step("Resolving the images' Debian packages", estimate=5) as step:
        return save_versions(known.generation, _resolve(known.generation, missing, step=step))


def _refresh() -> Lock:
    """Fetch the lists, resolve all images, then put the result into use."""
    generation = datetime.now(UTC).strftime(STAMP)
    with progress.step("Fetching Debian's package lists", estimate=15) as step:
        _log().write_text("")
        shutil.rmtree(home() / generation, ignore_errors=True)
        _fetch_lists(catalog(), generation, step=step)
        fresh = save_versions(generation, _resolve(generation, wanted(catalog()), step=step))
        switch(generation)
    return fresh


def update() -> list[str]:
    """Fetch the package lists and put them into use; return one line for each package whose version changed.

    Raises:
        UserError: This machine has no apt source for a suite, or apt failed; the old lists stay in use.
    """
    work = "updating Debian packages"
    with held(home().parent / "lock", work), held(home() / "lock", work):
        before = lock()
        after = _refresh()
        for old in home().iterdir():
            if old.is_dir() and old.name != after.generation:
                _carry_over(old, after)
                shutil.rmtree(old)
    return changes(before.versions, after.versions) if before is not None else []


def _carry_over(old: Path, lock: Lock) -> None:
    """Link the packages of an earlier generation that are still needed, so that they are not downloaded again."""
    stems = {f"{name}_{version.replace(':', '%3a')}" for own in lock.versions.values() for name, version in own.items()}
    for archive in old.glob("*/archives/*.deb"):
        place = suite_folder(lock.generation, archive.parent.parent.name) / "archives" / archive.name
        if archive.name.rpartition("_")[0] in stems and place.parent.is_dir() and not place.exists():
            os.link(archive, place)


def outdated() -> list[str]:
    """Return one line for each package that `update` would change; change nothing.

    Raises:
        UserError: This machine has no apt source for a suite, or apt failed.
    """
    before = ensure_resolved()
    generation = "outlook"
    with (
        held(home() / "lock", "looking for Debian updates"),
        progress.step("Looking for updates on Debian's mirror") as step,
    ):
        try:
            _fetch_lists(catalog(), generation, step=step)
            return changes(before.versions, _resolve(generation, wanted(catalog()), step=step))
        finally:
            shutil.rmtree(home() / generation, ignore_errors=True)
