"""Detects features of the running kernel from several sources, because no source exists on every machine."""

from __future__ import annotations

import gzip
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["present", "loadable", "absent", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A needed kernel feature.

    Attributes:
        option: Configuration option of the feature.
        path: Path that exists when the feature is present; its absence does not prove that the feature is missing.
        module: Module that provides the feature, if there is one.
    """

    option: str
    path: str
    module: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The running kernel.

    Attributes:
        release: Output of `uname -r`.
        options: Configuration option -> `y` or `m`; None when the configuration cannot be read.
        modules: Modules on disk for this release, built-in ones included; None without a module list.
        paths: Existing paths of features.
    """

    release: str
    options: dict[str, str] | None
    modules: frozenset[str] | None
    paths: frozenset[str]


def parse_options(text: str) -> dict[str, str]:
    """Return the options that a kernel configuration sets to y or m."""
    return dict(re.findall(r"^(CONFIG_\w+)=([ym])$", text, re.MULTILINE))


def parse_modules(builtin: str, dependencies: str) -> frozenset[str]:
    """Return the modules in modules.builtin and modules.dep, with underscores as in /sys/module."""
    files = [*builtin.splitlines(), *(line.split(":")[0] for line in dependencies.splitlines())]
    names = (re.sub(r"\.ko(\.\w+)?$", "", Path(file).name).replace("-", "_") for file in files if file)
    return frozenset(names)


def state(feature: Feature, kernel: Kernel) -> State:
    """Return whether the kernel has a feature.

    `present`: its path exists or it is built in. `loadable`: it is a module on disk. `absent`: the configuration or the
    module list exists and lacks it. `unknown`: there is neither a configuration nor a module list.
    """
    if feature.path in kernel.paths:
        return "present"
    built = None if kernel.options is None else kernel.options.get(feature.option, "n")
    if built == "y":
        return "present"
    on_disk = None if kernel.modules is None or feature.module is None else feature.module in kernel.modules
    if on_disk:
        return "loadable"
    if built == "n" or (built == "m" and on_disk is False):
        return "absent"
    if built is None and on_disk is False:
        return "absent"
    return "unknown"


def read_kernel(features: Iterable[Feature]) -> Kernel:
    """Read the facts about the running kernel from this machine.

    Args:
        features: Features whose paths are looked at.
    """
    release = platform.release()
    folder = Path("/lib/modules") / release
    lists = [folder / "modules.builtin", folder / "modules.dep"]
    return Kernel(
        release=release,
        options=_options(release),
        modules=parse_modules(*(path.read_text() for path in lists)) if all(path.exists() for path in lists) else None,
        paths=frozenset(item.path for item in features if Path(item.path).exists()),
    )


def _options(release: str) -> dict[str, str] | None:
    """Return the kernel's configuration from one of the usual places; None when there is no such file."""
    packed = Path("/proc/config.gz")
    if packed.exists():
        return parse_options(gzip.decompress(packed.read_bytes()).decode())
    for plain in (Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")):
        if plain.exists():
            return parse_options(plain.read_text())
    return None
