"""The programs built from Go modules: what each is, and the key under which its build is kept."""

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
"""Files of a tool's folder that decide its build."""

KEY_LENGTH = 16
"""Hex digits of a tool's key: 64 bits."""


class Tool(BaseModel):
    """One entry of tools.yaml.

    Attributes:
        name: Its name.
        folder: Its own sources; holds a go.mod where its pins differ from those that the other tools share.
        description: What it is for, as a phrase.
        binaries: Executable name -> Go package; "." is the package in its own folder.
        module_files: File name -> [Go module, path in it]: files of modules that are copied beside the executables.
        module: Go module the packages come from; None when the program is ours.
        version: Version of that module, as in the folder's go.mod.
        ldflags: Linker flags beside `-s -w`.
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
        """Whether sources are made before the build, by the folder's prepare.py."""
        return (self.folder / "prepare.py").exists()

    @property
    def shares_pins(self) -> bool:
        """Whether the tool is built with the go.mod of all tools, so that packages they need are compiled once."""
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
        """Return the files that decide the build, sorted: go.mod, go.sum, our Go files, what prepares others."""
        found = {path for pattern in SOURCES for path in self.folder.rglob(pattern)}
        return sorted(found | {self.module_root / name for name in PINS})


def parse(text: str, folder: Path = FOLDER) -> dict[str, Tool]:
    """Return the tools that `text` (tools.yaml) lists, in its order."""
    return {
        name: Tool.model_validate({**entry, "name": name, "folder": folder / name})
        for name, entry in yaml.safe_load(text).items()
    }


@functools.cache
def tools() -> dict[str, Tool]:
    """Return every tool, in build order."""
    return parse((FOLDER / "tools.yaml").read_text())


def tool(name: str) -> Tool:
    """Return the tool called `name`.

    Raises:
        UserError: There is none.
    """
    try:
        return tools()[name]
    except KeyError:
        raise UserError(f"there is no tool called {name!r}", seen=name, allowed=", ".join(tools())) from None


def owner(binary: str) -> Tool:
    """Return the tool that builds the executable `binary`.

    Raises:
        UserError: None does.
    """
    for candidate in tools().values():
        if binary in candidate.binaries:
            return candidate
    known = ", ".join(name for candidate in tools().values() for name in candidate.binaries)
    raise UserError(f"no tool builds an executable called {binary!r}", seen=binary, allowed=known)


def key(item: Tool, go_version: str, platform: str) -> str:
    """Return the content key of a build.

    It covers the tool's sources, what tools.yaml says about how to build it (not its estimate or description),
    the Go version and the platform, so equal keys mean executables that do the same.

    Args:
        item: The tool.
        go_version: Of the compiler, `1.26.8`.
        platform: `linux/amd64`.
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
    """Return the path of a source file inside the tool's folder, or of a shared pin beside that folder."""
    return str(path.relative_to(item.folder) if path.is_relative_to(item.folder) else Path("..") / path.name)
