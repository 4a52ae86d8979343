"""Reads the machine's apt sources for Debian; this repository names no mirror."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError

SOURCES = Path("/etc/apt")
INHERITED_SETTINGS = (
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
"""apt settings of the machine that a build also needs: checks of a snapshot's age, proxies."""

SUITES = ("bookworm", "trixie")
"""Releases that share the layout of their mirrors: the address of one is derived from the address of another."""


def is_of_suite(suites: Iterable[str], suite: str) -> bool:
    """Return whether all `suites` are Debian's `suite` or one of its pockets, such as `bookworm-security`."""
    known = list(suites)
    return bool(known) and all(
        name == suite or name.removeprefix(suite) in {"-updates", "-security", "/updates"} for name in known
    )


def from_deb822(text: str, suite: str) -> list[str]:
    """Return the stanzas of a `.sources` file that belong to `suite`, without comments."""
    chosen = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
        fields = {key.strip().lower(): value for key, _, value in (line.partition(":") for line in lines)}
        if "deb" in fields.get("types", "").split() and is_of_suite(fields.get("suites", "").split(), suite):
            chosen.append("\n".join(lines))
    return chosen


def from_one_line(text: str, suite: str) -> list[str]:
    """Return the entries of a `sources.list` file that belong to `suite`, as deb822 stanzas."""
    chosen = []
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind != "deb":
            continue
        options = ""
        if rest.lstrip().startswith("["):
            options, _, rest = rest.lstrip()[1:].partition("]")
        uri, name, *components = rest.split()
        if not is_of_suite([name], suite):
            continue
        stanza = ["Types: deb", f"URIs: {uri}", f"Suites: {name}", f"Components: {' '.join(components)}"]
        keys = [option.removeprefix("signed-by=") for option in options.split() if option.startswith("signed-by=")]
        stanza += [f"Signed-By: {key}" for key in keys]
        chosen.append("\n".join(stanza))
    return chosen


def sources(suite: str, folder: Path = SOURCES) -> str:
    """Return the machine's sources of `suite` as the text of a `.sources` file.

    On a machine that has sources of another release only, assume that its mirror serves both.

    Args:
        suite: Debian code name.
        folder: apt's configuration folder.

    Raises:
        UserError: The machine has no Debian source.
    """
    stanzas = _stanzas(suite, folder)
    for other in SUITES:
        if not stanzas and suite in SUITES:
            stanzas = [renamed(stanza, other, suite) for stanza in _stanzas(other, folder)]
    if not stanzas:
        raise UserError(
            f"This machine has no apt source for Debian {suite}.",
            seen=f"{folder}/sources.list and {folder}/sources.list.d",
            allowed=f"at least one entry whose suite is {' or '.join(dict.fromkeys([suite, *SUITES]))}",
            next_step=f"add a mirror of Debian {suite} to {folder}/sources.list.d, then run the command again",
        )
    return "\n\n".join(stanzas) + "\n"


def renamed(stanza: str, suite: str, other: str) -> str:
    """Return a deb822 stanza with suite `suite` replaced by `other`; other fields are unchanged."""
    lines = stanza.splitlines()
    for number, line in enumerate(lines):
        key, _, value = line.partition(":")
        if key.strip().lower() == "suites":
            names = [f"{other}{name.removeprefix(suite)}" for name in value.split()]
            lines[number] = f"{key}: {' '.join(names)}"
    return "\n".join(lines)


def _stanzas(suite: str, folder: Path) -> list[str]:
    """Return the machine's entries for `suite`."""
    stanzas: list[str] = []
    listed = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for path in listed:
        if path.is_file():
            stanzas += from_one_line(path.read_text(), suite)
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        stanzas += from_deb822(path.read_text(), suite)
    return stanzas


def options() -> list[str]:
    """Return the machine's apt settings that a build inherits, one configuration line each."""
    dump = subprocess.run(
        ["apt-config", "dump", *INHERITED_SETTINGS], capture_output=True, text=True, check=False
    ).stdout
    kept = [line for line in dump.splitlines() if line.partition(" ")[0] in INHERITED_SETTINGS and '""' not in line]
    return ['APT::Install-Recommends "false";', 'Acquire::Languages "none";', *kept]
