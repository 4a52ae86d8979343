"""Which Debian packages the images are made of: lists and packages of one moment, kept in the cache folder.

`mlp images update` fetches the package lists, resolves every image against them and downloads what they name. Until it
runs again, every build reads these lists and these packages and nothing else, and their versions are part of the tags:
one tag, one set of bits. docs/images.md says why the versions are not committed.

    debian/current                   name of the generation in use
    debian/GENERATION/SUITE/         apt.conf, sources, lists/, archives/: one suite's apt, as of that moment
    debian/GENERATION/lock.json      package -> version, of each set of packages that an image asked for
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
"""What mmdebstrap's variant minbase installs, as apt's patterns."""

MERGED_USR = "usr-is-merged"
"""Says that /bin is a link already, so that no package has to make it one."""

STAMP = "%Y%m%dT%H%M%S.%fZ"
"""Form of a generation's name: when its package lists were fetched."""

Ask = tuple[str, list[str]]
"""Suite, and what apt is asked for."""

Versions = Mapping[str, Mapping[str, str]]
"""Image -> package -> version, for every image that adds Debian packages; parents' packages included."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The packages of every image, as of one moment.

    Attributes:
        generation: When, `20261126T003316.123456Z`.
        digest: Of `versions`.
        versions: Of each image that adds Debian packages.
    """

    generation: str
    digest: str
    versions: Versions = field(compare=False)

    @classmethod
    def of(cls, generation: str, versions: Versions) -> Lock:
        """Return the lock that holds `versions`."""
        text = json.dumps(versions, sort_keys=True)
        return cls(generation=generation, digest=hashlib.sha256(text.encode()).hexdigest(), versions=versions)

    @property
    def age_days(self) -> int:
        """Whole days since the package lists were fetched."""
        taken = datetime.strptime(self.generation, STAMP).replace(tzinfo=UTC)
        return (datetime.now(UTC) - taken).days


def home() -> Path:
    """Return the folder of package lists and packages."""
    return paths.cache() / "images" / "debian"


def suite_folder(generation: str, suite: str) -> Path:
    """Return the folder of one suite's apt."""
    return home() / generation / suite


def wanted(book: Catalog) -> dict[str, Ask]:
    """Return image -> (suite, what apt is asked for) of every image that adds Debian packages."""
    found = {}
    for name, image in book.images.items():
        if image.root or image.packages:
            lineage = book.lineage(name)[::-1]
            asked = [word for each in lineage for word in (*each.root, *each.packages)]
            found[name] = (book.suite_of(image), [*MINIMAL, MERGED_USR, *asked])
    return found


def key(ask: Ask) -> str:
    """Return the name of one resolution."""
    return hashlib.sha256(json.dumps(ask).encode()).hexdigest()[:12]


def installed_by(simulation: str) -> dict[str, str]:
    """Return package -> version of what `apt-get --simulate install` would install.

    Args:
        simulation: Its output; lines are `Inst libc6 (2.36-9+deb12u10 Debian:12.11/stable [amd64])`.
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
    """Return the packages that images are built of on this machine, None before any were resolved; asks nobody."""
    generation = current()
    if generation is None:
        return None
    known = _entries(home() / generation / "lock.json")
    book = catalog()
    return Lock.of(generation, {name: known[key(ask)] for name, ask in wanted(book).items() if key(ask) in known})


def _entries(path: Path) -> dict[str, dict[str, str]]:
    """Return what was resolved so far, by `key`."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def keep(generation: str, versions: Versions) -> Lock:
    """Write down the packages of images; only `switch` makes them the ones that images are built of."""
    path = home() / generation / "lock.json"
    asked = wanted(catalog())
    entries = _entries(path) | {key(asked[name]): dict(own) for name, own in versions.items()}
    write_atomically(path, json.dumps(entries, indent=1, sort_keys=True))
    return Lock.of(generation, {name: entries[key(ask)] for name, ask in asked.items() if key(ask) in entries})


def unresolved(known: Lock | None, names: Iterable[str] | None = None) -> list[str]:
    """Return which of `names` (all images when None) add Debian packages whose versions `known` lacks."""
    book = catalog()
    chosen = book.with_parents(book.images if names is None else names)
    return [name for name in chosen if name in wanted(book) and (known is None or name not in known.versions)]


def switch(generation: str) -> None:
    """Make a generation the one that images are built of."""
    write_atomically(home() / "current", generation + "\n")


def current() -> str | None:
    """Return the generation in use, None on a machine that never built an image."""
    try:
        generation = (home() / "current").read_text().strip()
        datetime.strptime(generation, STAMP).replace(tzinfo=UTC)
    except (FileNotFoundError, ValueError):
        return None
    return generation
