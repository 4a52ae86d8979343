"""What is known of the running kernel's features, from several witnesses: none of them is on every machine."""

from __future__ import annotations

import gzip
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["present", "loadable", "absent", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A feature that is needed.

    Attributes:
        option: Configuration option that builds it in.
        path: A path that exists when it is there; its absence proves nothing.
        module: Module that brings it, when there is one.
    """

    option: str
    path: str
    module: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The running kernel.

    Attributes:
        release: As `uname -r` says.
        options: Configuration option -> `y` or `m`; None when no configuration can be read.
        modules: Modules on disk for this release, built-in ones included; None when there is no list.
        paths: Paths of features that exist.
    """

    release: str
    options: dict[str, str] | None
    modules: frozenset[str] | None
    paths: frozenset[str]


def parse_options(text: str) -> dict[str, str]:
    """Return the options that a kernel configuration sets to y or m."""
    return dict(re.findall(r"^(CONFIG_\w+)=([ym])$", text, re.MULTILINE))


def parse_modules(builtin: str, dependencies: str) -> frozenset[str]:
    """Return the modules named by a modules.builtin and a modules.dep, with underscores, as /sys/module has them."""
    files = [*builtin.splitlines(), *(line.split(":")[0] for line in dependencies.splitlines())]
    names = (re.sub(r"\.ko(\.\w+)?$", "", Path(file).name).replace("-", "_") for file in files if file)
    return frozenset(names)


def state(feature: Feature, kernel: Kernel) -> State:
    """Return whether the kernel has a feature.

    Present when its path exists or it is built in; loadable when it is a module on disk; absent when a witness that
    would know it does not; unknown when there is no witness.
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


def read_kernel() -> Kernel:
    """Read what this machine tells of its kernel."""
    from node.machine.needs import needs

    release = platform.release()
    folder = Path("/lib/modules") / release
    lists = [folder / "modules.builtin", folder / "modules.dep"]
    return Kernel(
        release=release,
        options=_options(release),
        modules=parse_modules(*(path.read_text() for path in lists)) if all(path.exists() for path in lists) else None,
        paths=frozenset(item.path for item in needs().kernel.values() if Path(item.path).exists()),
    )


def _options(release: str) -> dict[str, str] | None:
    """Return the kernel's configuration, from where this distribution keeps it."""
    packed = Path("/proc/config.gz")
    if packed.exists():
        return parse_options(gzip.decompress(packed.read_bytes()).decode())
    for plain in (Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")):
        if plain.exists():
            return parse_options(plain.read_text())
    return None
