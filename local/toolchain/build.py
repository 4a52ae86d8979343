"""Builds tools that are missing into the cache folder, one after another, showing what is left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from local.toolchain import go as compiler
from local.toolchain.catalog import Tool, key, owner, tool, tools
from local.toolchain.lock import held
from mlp import progress
from mlp.errors import UserError
from mlp.paths import cache

LOG_TAIL_LINES = 15
"""Lines of a failed build's log that are shown."""


def root() -> Path:
    """Return the folder of built tools."""
    return cache() / "tools"


def tool_key(name: str) -> str:
    """Return the content key of tool `name`: equal keys mean equal executables."""
    return key(tool(name), compiler.choose().version, compiler.target())


def folder(name: str) -> Path:
    """Return the folder in which the build of tool `name` is, or will be."""
    return root() / f"{name}-{tool_key(name)}"


def is_built(name: str) -> bool:
    """Return whether tool `name` is built; its folder appears only once whole."""
    return folder(name).is_dir()


def log_path(name: str) -> Path:
    """Return the log of the newest build of tool `name` with its present key."""
    return root() / "logs" / f"{name}-{tool_key(name)}.log"


def binary(name: str) -> Path:
    """Return the path of the built executable `name`.

    Raises:
        UserError: No tool builds it, or it is not built yet.
    """
    item = owner(name)
    path = folder(item.name) / "bin" / name
    if not path.exists():
        raise UserError(f"{name} is not built", seen=f"no {path}", next_step=f"mlp toolchain build {item.name}")
    return path


def executable_name(package: str) -> str:
    """Return the name that `go build` gives a package's executable: its last element that is no major version."""
    parts = PurePosixPath(package).parts
    return parts[-2] if len(parts) > 1 and re.fullmatch(r"v[2-9]|v\d\d+", parts[-1]) else parts[-1]


def build_command(item: Tool, output: Path) -> list[str]:
    """Return the `go build` command that puts the tool's executables into `output`."""
    ldflags = " ".join(("-s", "-w", *item.ldflags))
    packages = list(item.binaries.values())
    destination = output / next(iter(item.binaries)) if len(packages) == 1 else f"{output}/"
    return ["go", "build", "-v", f"-ldflags={ldflags}", "-o", str(destination), *packages]


def missing(names: Iterable[str] | None = None) -> list[Tool]:
    """Return the tools among `names` (all when None) that are not built, in build order."""
    wanted = set(tools()) if names is None else {tool(name).name for name in names}
    return [item for name, item in tools().items() if name in wanted and not is_built(name)]


def ensure(names: Iterable[str] | None = None) -> None:
    """Build what is missing, one tool after another.

    A build lands in its place in one step, so an interrupted one leaves nothing that looks whole, and the next run
    goes on from the compiler's cache. Two runs at once take turns.

    Args:
        names: Tools to have; every tool when None.

    Raises:
        UserError: A name is unknown, or a build failed; says which, with the end of its log.
    """
    absent = missing(names)
    if not absent:
        return
    chosen = compiler.ensure()
    left = sum(item.estimate_seconds for item in absent)
    if len(absent) > 1:
        listed = ", ".join(item.name for item in absent)
        progress.console.print(f"{len(absent)} tools to build, about {left / 60:.0f} min in all: {listed}", markup=False)
    for number, item in enumerate(absent, 1):
        with held(root() / "lock", f"the build of {item.name}"):
            if not is_built(item.name):
                _build(item, chosen, f"{item.name} {item.version or ''}".strip() + f" ({number} of {len(absent)})")


def _build(item: Tool, go: compiler.Go, title: str) -> None:
    """Build one tool under the lock."""
    final = folder(item.name)
    for leftover in root().glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = root() / f".building-{final.name}"
    output = temporary / "bin"
    output.mkdir(parents=True)
    log = log_path(item.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = compiler.environment(go, cgo=item.cgo)
    with progress.step(title, estimate=item.estimate_seconds) as step, log.open("w") as file:

        def run(command: list[str], see: Callable[[str], None]) -> list[str]:
            return _run(command, item, environment, file.write, see)

        downloads = 0
        built = 0

        def downloading(line: str) -> None:
            nonlocal downloads
            if line.startswith("go: downloading "):
                downloads += 1
                step.detail = f"downloading module {downloads}: {line.removeprefix('go: downloading ')}"

        packages = list(item.binaries.values())
        step.detail = "reading the list of packages"
        total = len(run(["go", "list", "-deps", "-f", "{{.ImportPath}}", *packages], downloading))

        def compiling(line: str) -> None:
            nonlocal built
            built += 1
            step.detail = f"compiled {built} of {total} packages: {line}"

        run(build_command(item, output), compiling)
        file.write(f"took {step.seconds:.1f} s\n")
    _rename_executables(item, output)
    temporary.rename(final)


def _rename_executables(item: Tool, output: Path) -> None:
    """Give each executable its own name where `go build` chose another."""
    for name, package in item.binaries.items():
        if not (output / name).exists():
            (output / executable_name(package)).rename(output / name)


def _run(
    command: list[str], item: Tool, environment: dict[str, str], log: Callable[[str], object], see: Callable[[str], None]
) -> list[str]:
    """Run one command of a build in the tool's folder, every line into the log; return the lines of its output.

    The command dies with this process, also when that is killed.
    """
    log(f"$ {' '.join(command)}\n")
    lines: list[str] = []
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        cwd=item.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log(line)
                see(line.strip())
                lines.append(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        tail = "\n    ".join(lines[-LOG_TAIL_LINES:])
        raise UserError(
            f"the build of {item.name} failed (exit status {process.returncode})",
            seen=f"end of its log:\n    {tail}",
            next_step=f"read {log_path(item.name)}, then run the same command again: it goes on where it stopped",
        )
    return [line for line in lines if not line.startswith("go: downloading ")]


def seconds_since(start: float) -> float:
    """Return seconds since `start`, a value of time.monotonic()."""
    return time.monotonic() - start


__all__ = ["binary", "ensure", "folder", "is_built", "log_path", "missing", "tool_key"]
_ = os
