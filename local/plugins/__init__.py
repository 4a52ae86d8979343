"""Provider plugins for a machine that cannot download them: same protocol, same resource types.

A plugin that Pulumi itself installed always wins: `plugin_path` offers only what is missing.
"""

from __future__ import annotations

import os
from pathlib import Path

from mlp.paths import WORK

BIN = Path(__file__).resolve().parent / "bin"
NAMES = ("kubernetes", "random", "pulumi-python")
"""Plugins this package can stand in for; `pulumi-python` runs the SDK's own dynamic provider."""


def pulumi_home() -> Path:
    """Return the folder in which Pulumi keeps its plugins."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def needed(home: Path | None = None, search_path: str | None = None) -> dict[str, bool]:
    """Tell for each plugin whether ours has to stand in.

    Args:
        home: Pulumi's home; its `plugins` folder holds installed plugins as `resource-NAME-vVERSION`.
        search_path: PATH on which the CLI's own plugins may lie beside it; the process's PATH when None.

    Returns:
        True where no plugin of that name is installed.
    """
    home = pulumi_home() if home is None else home
    folders = os.environ.get("PATH", "") if search_path is None else search_path
    return {name: not (_installed(name, home) or _on_path(name, folders)) for name in NAMES}


def plugin_path(home: Path | None = None, folder: Path | None = None, search_path: str | None = None) -> Path:
    """Return a folder, to be put first on PATH, that offers exactly the plugins that are missing.

    Args:
        home: Pulumi's home; the environment's when None.
        folder: Where the links are made; `.mlp/plugins` when None.
        search_path: PATH to look for the CLI's own plugins; the process's PATH when None.
    """
    folder = WORK / "plugins" if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, missing in needed(home, search_path).items():
        link = folder / f"pulumi-resource-{name}"
        target = BIN / link.name
        if missing and not (link.is_symlink() and link.readlink() == target):
            fresh = folder / f".{link.name}.{os.getpid()}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target)
            fresh.replace(link)
        elif not missing:
            link.unlink(missing_ok=True)
    return folder


def _installed(name: str, home: Path) -> bool:
    for place in (home / "plugins").glob(f"resource-{name}-v*"):
        executable = place / f"pulumi-resource-{name}"
        if place.is_dir() and executable.is_file() and os.access(executable, os.X_OK):
            return True
    return False


def _on_path(name: str, folders: str) -> bool:
    for entry in filter(None, folders.split(os.pathsep)):
        candidate = Path(entry) / f"pulumi-resource-{name}"
        if candidate.is_file() and os.access(candidate, os.X_OK) and candidate.resolve().parent != BIN:
            return True
    return False
