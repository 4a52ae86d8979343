"""Records the versions of the images' Debian packages: package lists and packages of one moment, in the cache folder.

`mlp images update` fetches the package lists, resolves every image against them and downloads the packages. Until its
next run, every build reads only these lists and packages. Their versions are part of the tags, so that a tag always
means the same bits. docs/images.md explains why the versions are not committed.

    debian/current                   name of the generation in use
    debian/GENERATION/SUITE/         apt.conf, sources, lists/, archives/ of one suite at that moment
    debian/GENERATION/lock.json      package -> version, for each set of packages that an image requests
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from artifacts.images.catalog import Catalog, catalog
from artifacts.images.files import write_atomically
from common import paths

MINIMAL = ("?essential", "?priority(required)", "apt")
"""Packages of mmdebstrap's variant minbase, as apt patterns."""

MERGED_USR = "usr-is-merged"
"""Package that declares /bin to be a link already, so that no package has to convert it."""

STAMP = "%Y%m%dT%H%M%S.%fZ"
"""Format of a generation's name: the time at which its package lists were fetched."""

PackageRequest = tuple[str, list[str]]
"""Suite, and the packages or patterns that apt installs."""

Versions = Mapping[str, Mapping[str, str]]
"""Image -> package -> version, for every image that adds Debian packages; includes the parents' packages."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The package versions of every image at one moment.

    Attributes:
        generation: Time of the package lists, `20261126T003316.123456Z`.
        digest: SHA-256 of `versions`.
        versions: Package versions of each image that adds Debian packages.
    """

    generation: str
    digest: str
    versions: Versions = field(compare=False)

    @classmethod
    def of(cls, generation: str, versions: Versions) -> Lock:
        """Return a lock with `versions`."""
        text = json.dumps(versions, sort_keys=True)
        return cls(generation=generation, digest=hashlib.sha256(text.encode()).hexdigest(), versions=versions)

    @property
    def age_days(self) -> int:
        """Whole days since the package lists were fetched."""
        taken = datetime.strptime(self.generation, STAMP).replace(tzinfo=UTC)
        return (datetime.now(UTC) - taken).days


def home() -> Path:
    """Return the folder of all generations of package lists and packages."""
    return paths.cache() / "images" / "debian"


def suite_folder(generation: str, suite: str) -> Path:
    """Return the folder with the apt configuration, lists and packages of one suite."""
    return home() / generation / suite


def wanted(book: Catalog) -> dict[str, PackageRequest]:
    """Return the package request of every image that adds Debian packages."""
    found = {}
    for name, image in book.images.items():
        if image.root or image.packages:
            lineage = book.lineage(name)[::-1]
            asked = [word for each in lineage for word in (*each.root, *each.packages)]
            found[name] = (book.suite_of(image), [*MINIMAL, MERGED_USR, *asked])
    return found


def key(ask: PackageRequest) -> str:
    """Return the key of a package request in lock.json."""
    return hashlib.sha256(json.dumps(ask).encode()).hexdigest()[:12]


def installed_by(simulation: str) -> dict[str, str]:
    """Return package -> version that `apt-get --simulate install` would install.

    Args:
        simulation: Output with lines such as `Inst libc6 (2.36-9+deb12u10 Debian:12.11/stable [amd64])`.
    """
    found = {}
    for line in simulation.splitlines():
        words = line.split()
        if words[:1] == ["Inst"]:
            version = next(word for word in words if word.startswith("("))
            found[words[1].partition(":")[0]] = version.removeprefix("(")
    return found


def changes(old: Versions, new: Versions) -> list[str]:
    """Return one line for each package that differs: `libssl3 3.0.16 -> 3.0.17 (base, redis)`."""
    seen: dict[str, list[str]] = {}
    for image in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(image, {}), new.get(image, {})
        for package in sorted(before.keys() | after.keys()):
            if before.get(package) != after.get(package):
                line = f"{package} {before.get(package, 'absent')} -> {after.get(package, 'absent')}"
                seen.setdefault(line, []).append(image)
    return [f"{line} ({', '.join(names)})" for line, names in sorted(seen.items())]


def lock() -> Lock | None:
    """Return the package versions in use on this machine, None before the first resolution; no network access."""
    generation = current()
    if generation is None:
        return None
    known = _entries(home() / generation / "lock.json")
    book = catalog()
    return Lock.of(generation, {name: known[key(ask)] for name, ask in wanted(book).items() if key(ask) in known})


def _entries(path: Path) -> dict[str, dict[str, str]]:
    """Return the resolved versions by `key`."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def save_versions(generation: str, versions: Versions) -> Lock:
    """Write the versions to the generation's lock.json; `switch` puts the generation into use."""
    path = home() / generation / "lock.json"
    asked = wanted(catalog())
    entries = _entries(path) | {key(asked[name]): dict(own) for name, own in versions.items()}
    write_atomically(path, json.dumps(entries, indent=1, sort_keys=True))
    return Lock.of(generation, {name: entries[key(ask)] for name, ask in asked.items() if key(ask) in entries})


def unresolved(known: Lock | None, names: Iterable[str] | None = None) -> list[str]:
    """Return which of `names` (when None, all images) add Debian packages whose versions `known` lacks."""
    book = catalog()
    chosen = book.with_parents(book.images if names is None else names)
    return [name for name in chosen if name in wanted(book) and (known is None or name not in known.versions)]


def switch(generation: str) -> None:
    """Put a generation into use: later builds read its lists and packages."""
    write_atomically(home() / "current", generation + "\n")


def current() -> str | None:
    """Return the generation in use; None on a machine that has not built an image yet."""
    try:
        generation = (home() / "current").read_text().strip()
        datetime.strptime(generation, STAMP).replace(tzinfo=UTC)
    except (FileNotFoundError, ValueError):
        return None
    return generation
