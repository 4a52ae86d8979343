"""Builds missing tools into the cache folder, one after another."""

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
from artifacts.toolchain.prefetch import prefetch
from artifacts.toolchain.sources import prepare_folder
from common import progress
from common.errors import UserError
from common.paths import cache
from common.process import TAIL_LINES, CommandFailed, Log, run

DOWNLOAD_ATTEMPTS = 3
"""Attempts at fetching modules, so that a short failure of the proxy does not end a long build."""


def root() -> Path:
    """Return the folder of built tools."""
    return cache() / "tools"


def tool_key(name: str) -> str:
    """Return the content key of tool `name`; equal keys mean equivalent executables."""
    return key(tool(name), compiler.choose().version, compiler.target())


def folder(name: str) -> Path:
    """Return the folder of the finished build of tool `name`, which may not exist yet."""
    return root() / f"{name}-{tool_key(name)}"


def is_built(name: str) -> bool:
    """Return whether tool `name` is built; its folder is created only when it is complete."""
    return folder(name).is_dir()


def log_path(name: str) -> Path:
    """Return the log file of the latest build of tool `name` under its current key."""
    return root() / "logs" / f"{name}-{tool_key(name)}.log"


def binary(name: str) -> Path:
    """Return the path of the built executable `name`.

    Raises:
        UserError: No tool provides the executable, or the tool is not built yet.
    """
    item = owner(name)
    path = folder(item.name) / "bin" / name
    if not path.exists():
        raise UserError(f"{name} is not built.", seen=f"no {path}", next_step=f"mlp toolchain build {item.name}")
    return path


def executable_name(package: str) -> str:
    """Return the name that `go build` gives to a package's executable: the last path element that is not a version."""
    parts = PurePosixPath(package).parts
    return parts[-2] if len(parts) > 1 and re.fullmatch(r"v[2-9]|v[1-9]\d+", parts[-1]) else parts[-1]


def build_command(item: Tool, output: Path) -> list[str]:
    """Return the `go build` command that writes the tool's executables to `output`."""
    ldflags = " ".join(("-s", "-w", *item.ldflags))
    packages = item.packages
    destination = output / next(iter(item.binaries)) if len(packages) == 1 else f"{output}/"
    return ["go", "build", "-v", compiler.NO_DWARF, f"-ldflags={ldflags}", "-o", str(destination), *packages]


def error_lines(lines: list[str]) -> list[str]:
    """Return the last lines of a failed command that show the error, without package names and downloads.

    Compilers run in parallel, so names of compiled packages may follow the error.
    """
    errors = [line for line in lines if " " in line.strip() and not line.startswith("go: downloading ")]
    return (errors or lines)[-TAIL_LINES:]


def missing(names: Iterable[str] | None = None) -> list[Tool]:
    """Return the tools among `names` (when None, all tools) that are not built, in build order.

    Raises:
        UserError: A name is unknown.
    """
    wanted = set(tools()) if names is None else {tool(name).name for name in names}
    return [item for name, item in tools().items() if name in wanted and not is_built(name)]


def ensure(names: Iterable[str] | None = None, *, ahead: Iterable[Tool] | None = None) -> None:
    """Build the missing tools, one after another.

    A finished build is renamed into place, so an interrupted build leaves no incomplete tool. The next run continues
    with the compiler's cache. Parallel runs take turns.

    Args:
        names: Tools to build; when None, all tools.
        ahead: Tools whose modules are downloaded and compiled meanwhile; when None, those that this call builds.

    Raises:
        UserError: A name is unknown, or a build failed; shows the end of the build's log.
    """
    absent = missing(names)
    if not absent:
        return
    chosen = compiler.ensure()
    if len(absent) > 1:
        total = in_words(sum(item.estimate_seconds for item in absent))
        listed = ", ".join(item.name for item in absent)
        progress.console.print(f"{len(absent)} tools to build, about {total} in total: {listed}", markup=False)
    prefetch(absent[1:] if ahead is None else list(ahead), chosen, root() / "logs")
    for number, item in enumerate(absent):
        with held(root() / "lock", f"building {item.name}"):
            if not is_built(item.name):
                _build(item, chosen, absent[number + 1 :])


def _build(item: Tool, go: compiler.Go, after: list[Tool]) -> None:
    """Build one tool; the caller holds the lock. `after` lists the tools that this run builds later."""
    final = folder(item.name)
    for leftover in root().glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = root() / f".building-{final.name}"
    output = temporary / "bin"
    output.mkdir(parents=True)
    title = f"Building {item.name} {item.version or ''}".rstrip() + (f" ({len(after)} more to build)" if after else "")
    packages = item.packages
    with progress.step(title, estimate=item.estimate_seconds) as step:
        step.detail = "preparing its sources"
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
                    compiler.NO_DWARF,
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
                    f"The build of {item.name} failed: {failure}.",
                    seen="\n    ".join(["", *error_lines(failure.lines)]),
                    next_step=f"read {log_path(item.name)}, then run the same command again; "
                    "it continues where it stopped",
                ) from None
            log.write(f"took {step.seconds:.1f} s\n")
    _rename_executables(item, output)
    _copy_module_files(item, output)
    shutil.rmtree(temporary / "source", ignore_errors=True)
    temporary.rename(final)


def _rename_executables(item: Tool, output: Path) -> None:
    """Rename executables whose name in tools.yaml differs from the one that `go build` chose."""
    for name, package in item.binaries.items():
        if not (output / name).exists():
            (output / executable_name(package)).rename(output / name)


def _copy_module_files(item: Tool, output: Path) -> None:
    """Copy the tool's `module_files` beside its executables; a file without a suffix is a script and executable."""
    for name, (module, path) in item.module_files.items():
        copied = Path(shutil.copyfile(module_dir(item.name, module) / path, output / name))
        copied.chmod(0o644 if copied.suffix else 0o755)
