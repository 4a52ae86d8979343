"""Builds tools that are missing into the cache folder, one after another, showing what is left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from artifacts.toolchain import go as compiler
from artifacts.toolchain.build_progress import BuildProgress
from artifacts.toolchain.catalog import Tool, key, owner, tool, tools
from artifacts.toolchain.estimate import in_words
from artifacts.toolchain.lock import held
from artifacts.toolchain.modules import module_dir
from artifacts.toolchain.sources import prepare_folder
from common import progress
from common.errors import UserError
from common.paths import cache
from common.process import TAIL_LINES, CommandFailed, Log, run

DOWNLOAD_ATTEMPTS = 3
"""Tries at fetching modules: a proxy's hiccup must not end a long run."""

NO_DWARF = "-gcflags=all=-dwarf=false"
"""Debugging data would be made for each package, a fifth of the compiler's work, only for `-w` to drop it in the end.

The code is the same with and without it, only laid out differently, so it is no part of a tool's key.
"""


def root() -> Path:
    """Return the folder of built tools."""
    return cache() / "tools"


def tool_key(name: str) -> str:
    """Return the content key of tool `name`: equal keys mean executables that do the same."""
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
    return parts[-2] if len(parts) > 1 and re.fullmatch(r"v[2-9]|v[1-9]\d+", parts[-1]) else parts[-1]


def build_command(item: Tool, output: Path) -> list[str]:
    """Return the `go build` command that puts the tool's executables into `output`."""
    ldflags = " ".join(("-s", "-w", *item.ldflags))
    packages = item.packages
    destination = output / next(iter(item.binaries)) if len(packages) == 1 else f"{output}/"
    return ["go", "build", "-v", NO_DWARF, f"-ldflags={ldflags}", "-o", str(destination), *packages]


def error_lines(lines: list[str]) -> list[str]:
    """Return the last lines of a failed command in which it complains: no package names, no downloads.

    Two compilers run at once, so packages that went well may follow the one that did not.
    """
    telling = [line for line in lines if " " in line.strip() and not line.startswith("go: downloading ")]
    return (telling or lines)[-TAIL_LINES:]


def missing(names: Iterable[str] | None = None) -> list[Tool]:
    """Return the tools among `names` (all when None) that are not built, in build order.

    Raises:
        UserError: A name is unknown.
    """
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
    if len(absent) > 1:
        total = in_words(sum(item.estimate_seconds for item in absent))
        listed = ", ".join(item.name for item in absent)
        progress.console.print(f"{len(absent)} tools to build, about {total} in all: {listed}", markup=False)
    for number, item in enumerate(absent):
        with held(root() / "lock", f"the build of {item.name}"):
            if not is_built(item.name):
                _build(item, chosen, absent[number + 1 :])


def _build(item: Tool, go: compiler.Go, after: list[Tool]) -> None:
    """Build one tool under the lock; `after` are those this run still has to build."""
    final = folder(item.name)
    for leftover in root().glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = root() / f".building-{final.name}"
    output = temporary / "bin"
    output.mkdir(parents=True)
    title = f"build {item.name} {item.version or ''}".rstrip() + (f" ({len(after)} more after it)" if after else "")
    packages = item.packages
    with progress.step(title, estimate=item.estimate_seconds) as step:
        step.detail = "laying out its sources"
        place = prepare_folder(item, temporary / "source")
        later = sum(other.estimate_seconds for other in after)
        with (
            Log(log_path(item.name), place, compiler.environment(go, cgo=item.cgo)) as log,
            BuildProgress(step, item.estimate_seconds, later) as shown,
        ):
            try:
                listing = [
                    "go",
                    "list",
                    "-deps",
                    NO_DWARF,
                    "-f",
                    "{{if .Stale}}stale {{.ImportPath}}{{end}}",
                    *packages,
                ]
                lines = run(log, listing, shown.downloading, attempts=DOWNLOAD_ATTEMPTS)
                shown.total = sum(line.startswith("stale ") for line in lines)
                shown.show("compiling")
                run(log, build_command(item, output), shown.compiling)
            except CommandFailed as failure:
                raise UserError(
                    f"the build of {item.name} failed: {failure}",
                    seen="\n    ".join(["", *error_lines(failure.lines)]),
                    next_step=f"read {log_path(item.name)}, then run the same command again: "
                    "it goes on where it stopped",
                ) from None
            log.write(f"took {step.seconds:.1f} s\n")
    _rename_executables(item, output)
    _copy_module_files(item, output)
    shutil.rmtree(temporary / "source", ignore_errors=True)
    temporary.rename(final)


def _rename_executables(item: Tool, output: Path) -> None:
    """Give each executable its own name where `go build` chose another."""
    for name, package in item.binaries.items():
        if not (output / name).exists():
            (output / executable_name(package)).rename(output / name)


def _copy_module_files(item: Tool, output: Path) -> None:
    """Copy what the tool needs of its modules beside its executables; a name without a suffix is a script."""
    for name, (module, path) in item.module_files.items():
        copied = Path(shutil.copyfile(module_dir(item.name, module) / path, output / name))
        copied.chmod(0o644 if copied.suffix else 0o755)
