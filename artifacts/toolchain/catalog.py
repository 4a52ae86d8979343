"""Reads tools.yaml: the programs built from Go modules, and the content key of each build."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError

FOLDER = Path(__file__).resolve().parent
PINS = ("go.mod", "go.sum")
SOURCES = (*PINS, "*.go", "prepare.py", "requirements.txt")
"""Files in a tool's folder that are inputs of its build."""

KEY_LENGTH = 16
"""Number of hex digits of a tool's key (64 bits)."""


class Tool(BaseModel):
    """One entry of tools.yaml.

    Attributes:
        name: Name of the tool.
        folder: Sources of the tool; has a go.mod when its pins differ from those that the other tools share.
        description: Purpose of the tool, as a phrase.
        binaries: Executable name -> Go package; "." is the package in the tool's folder.
        module_files: File name -> [Go module, path in it]: files of modules to copy beside the executables.
        module: Go module that contains the packages; None when the program belongs to this project.
        version: Version of that module, as in go.mod.
        ldflags: Linker flags in addition to `-s -w`.
        cgo: Whether a C compiler is needed.
        estimate_seconds: Cold build on two cores, in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: Path
    description: str
    binaries: Mapping[str, str] = Field(min_length=1)
    module_files: Mapping[str, tuple[str, str]] = {}
    module: str | None = None
    version: str | None = None
    ldflags: tuple[str, ...] = ()
    cgo: bool = False
    estimate_seconds: float = Field(gt=0)

    @property
    def prepared(self) -> bool:
        """Whether the folder has a prepare.py that changes or generates sources before the build."""
        return (self.folder / "prepare.py").exists()

    @property
    def shares_pins(self) -> bool:
        """Whether the tool is built with the shared go.mod, so that packages that several tools need compile once."""
        return not (self.folder / "go.mod").exists()

    @property
    def module_root(self) -> Path:
        """The folder whose go.mod and go.sum pin the tool's modules."""
        return self.folder.parent if self.shares_pins else self.folder

    @property
    def packages(self) -> list[str]:
        """The Go packages of the executables, as `go build` takes them in `module_root`."""
        own = f"./{self.name}" if self.shares_pins else "."
        return [own if package == "." else package for package in self.binaries.values()]

    def sources(self) -> list[Path]:
        """Return the input files of the build, sorted: go.mod, go.sum, Go files, prepare.py and its requirements."""
        found = {path for pattern in SOURCES for path in self.folder.rglob(pattern)}
        return sorted(found | {self.module_root / name for name in PINS})


def parse(text: str, folder: Path = FOLDER) -> dict[str, Tool]:
    """Parse the text of tools.yaml; keep its order."""
    return {
        name: Tool.model_validate({**entry, "name": name, "folder": folder / name})
        for name, entry in yaml.safe_load(text).items()
    }


@functools.cache
def tools() -> dict[str, Tool]:
    """Return all tools, in build order."""
    return parse((FOLDER / "tools.yaml").read_text())


def tool(name: str) -> Tool:
    """Return the tool called `name`.

    Raises:
        UserError: No tool has this name.
    """
    try:
        return tools()[name]
    except KeyError:
        raise UserError("There is no such tool.", seen=name, allowed=", ".join(tools())) from None


def owner(binary: str) -> Tool:
    """Return the tool that builds the executable `binary`.

    Raises:
        UserError: No tool builds it.
    """
    for candidate in tools().values():
        if binary in candidate.binaries:
            return candidate
    known = ", ".join(name for candidate in tools().values() for name in candidate.binaries)
    raise UserError("No tool builds this executable.", seen=binary, allowed=known)


def key(item: Tool, go_version: str, platform: str) -> str:
    """Return the content key of a build.

    The key covers the tool's sources, its build settings in tools.yaml (not the estimate or description), the Go
    version and the platform, so equal keys mean equivalent executables.

    Args:
        item: The tool.
        go_version: Version of the compiler, `1.26.8`.
        platform: Target platform, `linux/amd64`.
    """
    recipe = {
        "binaries": dict(item.binaries),
        "module_files": {name: list(place) for name, place in item.module_files.items()},
        "ldflags": list(item.ldflags),
        "cgo": item.cgo,
        "version": item.version,
        "go": go_version,
        "platform": platform,
        "sources": {_label(item, path): hashlib.sha256(path.read_bytes()).hexdigest() for path in item.sources()},
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def _label(item: Tool, path: Path) -> str:
    """Return the path of a source file relative to the tool's folder; shared pins are `../go.mod` and `../go.sum`."""
    return str(path.relative_to(item.folder) if path.is_relative_to(item.folder) else Path("..") / path.name)
