"""Makes the Pulumi home of the toolchain's CLI: a folder with all plugins in the versions that the program requests."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from artifacts import toolchain
from artifacts.toolchain.catalog import owner
from providers import BIN
from providers.cli import HOME

PLUGIN_FOLDER = re.compile(r"(analyzer|converter|language|resource|tool)-.+-v\d.*")

BUILT = ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes")
"""Executables from the toolchain."""


def tools() -> list[str]:
    """Return the tools that build the executables of the home."""
    return sorted({owner(name).name for name in BUILT})


def offered(built: Callable[[str], Path] = toolchain.binary) -> dict[str, Path]:
    """Return the executables of the project's plugins by the name of the plugin's folder.

    The versions are those of the installed packages, because programs request these. The language host and the dynamic
    provider belong to the CLI and are requested without a version.

    Args:
        built: Returns the path of an executable of the toolchain.
    """
    sdk = version("pulumi")
    return {
        f"language-python-v{sdk}": built("pulumi-language-python"),
        f"resource-pulumi-python-v{sdk}": BIN / "pulumi-resource-pulumi-python",
        f"resource-kubernetes-v{version('pulumi-kubernetes')}": built("pulumi-resource-kubernetes"),
        f"resource-random-v{version('pulumi-random')}": BIN / "pulumi-resource-random",
    }


def make(folder: Path = HOME, users: Path | None = None, built: Callable[[str], Path] = toolchain.binary) -> Path:
    """Make or update a Pulumi home: links to the CLI, to the user's installed plugins, and to the project's plugins.

    Args:
        folder: The home; files that Pulumi keeps there are not touched.
        users: Home of the user's Pulumi; when None, taken from the environment. Plugins installed there have
            precedence.
        built: Returns the path of an executable of the toolchain.

    Raises:
        UserError: An executable is not built.
    """
    plugins = folder / "plugins"
    installed = _installed(_users_home(folder) if users is None else users)
    wanted = {name: {entry.name: entry for entry in place.iterdir()} for name, place in installed.items()}
    for name, executable in offered(built).items():
        wanted.setdefault(name, {executable.name: executable})
    for place in _places(plugins).values():
        if place.name not in wanted and _linked(place):
            for entry in place.iterdir():
                entry.unlink()
            place.rmdir()
    for name, entries in wanted.items():
        place = plugins / name
        if place.is_dir() and not _linked(place):
            continue  # Pulumi installed it here
        place.mkdir(parents=True, exist_ok=True)
        for entry, target in entries.items():
            _link(place / entry, target)
    (folder / "bin").mkdir(exist_ok=True)
    _link(folder / "bin" / "pulumi", built("pulumi"))
    return folder


def _users_home(ours: Path) -> Path:
    """Return the home of the user's Pulumi: PULUMI_HOME, unless `mlp env` has set it to the home of this project."""
    given = os.environ.get("PULUMI_HOME")
    return Path(given) if given and Path(given) != ours else Path.home() / ".pulumi"


def _places(plugins: Path) -> dict[str, Path]:
    if not plugins.is_dir():
        return {}
    return {place.name: place for place in plugins.iterdir() if place.is_dir() and PLUGIN_FOLDER.fullmatch(place.name)}


def _installed(home: Path) -> dict[str, Path]:
    """Return the folders of completely installed plugins in the user's home."""
    return {
        name: place
        for name, place in _places(home / "plugins").items()
        if not place.with_name(f"{name}.partial").exists() and _executable(place)
    }


def _executable(place: Path) -> bool:
    kind, rest = place.name.split("-", 1)
    program = place / f"pulumi-{kind}-{rest.rsplit('-v', 1)[0]}"
    return program.is_file() and os.access(program, os.X_OK)


def _linked(place: Path) -> bool:
    return all(entry.is_symlink() for entry in place.iterdir())


def _link(place: Path, target: Path) -> None:
    """Create or replace a link atomically, so that an engine that starts now finds either the old or the new one."""
    if place.is_symlink() and place.readlink() == target:
        return
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(place)
