"""Downloads the Go modules of tools that are built later, while the compiler builds the earlier ones.

The compiler needs the processors and a download waits for the network, so a cold build gets shorter by nearly the whole
time of its downloads.
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


def prefetch(tools: Sequence[Tool], go: compiler.Go, logs: Path) -> Background:
    """Start to download the modules that tools need; return the running work.

    A failure is only logged: the build of the tool downloads again and reports what is wrong.

    Args:
        tools: Tools that will be built, in build order.
        go: The compiler.
        logs: Folder of the log.
    """

    def download() -> None:
        for root, packages in groups(tools).items():
            with Log(logs / f"modules-{root.name}.log", root, compiler.environment(go)) as log:
                try:
                    # Listing dependencies downloads the modules that are compiled and no others.
                    run(log, ["nice", "go", "list", "-e", "-deps", *packages], lambda _line: None)
                except CommandFailed as failure:
                    log.write(f"{failure}\n")

    return Background(download)
