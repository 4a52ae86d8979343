"""Chooses the Pulumi CLI: the one that the user has installed, otherwise the one from the toolchain."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from artifacts.toolchain.build import root as tools_root
from common import paths
from common.errors import UserError

CHOICE = "MLP_PULUMI"
"""Variable that selects the CLI: `built` uses the toolchain's although another one is installed."""

HOME = paths.WORK / "pulumi"
"""Pulumi home of the toolchain's CLI: its plugins, and the folder `bin` for PATH."""


def installed(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the `pulumi` on PATH that the user has installed; None without one, or when `CHOICE` is `built`.

    Raises:
        UserError: The installed CLI is older than Pulumi.yaml allows, or `CHOICE` has another value.
    """
    chosen = environ.get(CHOICE, "")
    if chosen not in {"", "built"}:
        raise UserError(
            f"The variable {CHOICE} has an unknown value.",
            seen=chosen,
            allowed="built, or unset",
            next_step=f"unset {CHOICE}",
        )
    if chosen:
        return None
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        found = Path(folder) / "pulumi"
        if found.is_file() and os.access(found, os.X_OK) and not _is_ours(found):
            _refuse_old(found)
            return found
    return None


def _is_ours(executable: Path) -> bool:
    real = executable.resolve()
    return executable.parent == HOME / "bin" or real.is_relative_to(tools_root().resolve())


def minimum() -> tuple[int, ...]:
    """Return the minimum version in Pulumi.yaml."""
    text = yaml.safe_load((paths.ROOT / "Pulumi.yaml").read_text())["requiredPulumiVersion"]
    return version_numbers(text)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return major, minor and patch of the first version in a text; empty without a version."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(int(part) for part in found.groups()) if found else ()


@cache
def _refuse_old(executable: Path) -> None:
    done = subprocess.run([str(executable), "version"], capture_output=True, text=True, check=False, timeout=60)
    version = done.stdout.strip() or done.stderr.strip()[-300:]
    if version_numbers(version) < minimum():
        raise UserError(
            "The installed Pulumi CLI is too old for this program.",
            seen=f"{executable}: {version or 'no version'}",
            allowed=f"{'.'.join(map(str, minimum()))} or newer",
            next_step=f"update it, or use the one that mlp builds: export {CHOICE}=built",
        )
