"""Downloads and compiles what later tools need, while the compiler builds the earlier ones.

The compiler of a tool leaves the processors idle while one package or the linker waits for another, and a download
waits for the network. Work on later tools fills these gaps at the lowest priority.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artifacts.toolchain import go as compiler
from artifacts.toolchain.catalog import Tool
from common.background import Background
from common.process import CommandFailed, Log, run


def groups(tools: Sequence[Tool]) -> dict[Path, list[str]]:
    """Return the packages to build by the folder of the go.mod that pins them, in build order."""
    found: dict[Path, list[str]] = {}
    for item in tools:
        found.setdefault(item.module_root, []).extend(item.packages)
    return found


def download_command(packages: Sequence[str]) -> list[str]:
    """Return the command that downloads the modules that packages need; listing them downloads no others."""
    return ["nice", "go", "list", "-e", "-deps", *packages]


def compile_command(packages: Sequence[str]) -> list[str]:
    """Return the command that compiles packages into the compiler's cache, one at a time and without linking."""
    return ["nice", "-n", "19", "go", "list", "-e", "-export", "-deps", "-p", "1", compiler.NO_DWARF, *packages]


def prefetch(tools: Sequence[Tool], go: compiler.Go, logs: Path) -> Background:
    """Start to download and compile what tools need; return the running work.

    A failure is only logged: the build of the tool does the same work again and reports what is wrong.

    Args:
        tools: Tools that will be built, in build order.
        go: The compiler.
        logs: Folder of the logs.
    """

    def attempt(name: str, root: Path, command: list[str], *, cgo: bool = False) -> None:
        with Log(logs / f"{name}-{root.name}.log", root, compiler.environment(go, cgo=cgo)) as log:
            try:
                run(log, command, lambda _line: None)
            except CommandFailed as failure:
                log.write(f"{failure}\n")

    def work() -> None:
        for root, packages in groups(tools).items():
            attempt("modules", root, download_command(packages))
        # The last tool first: near the tool that is being built, both compilers would do the same work.
        for item in reversed(tools):
            attempt("ahead", item.module_root, compile_command(item.packages), cgo=item.cgo)

    return Background(work)
