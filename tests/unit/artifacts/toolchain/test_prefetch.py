"""Work for later tools: modules are downloaded once for each go.mod, and packages compiled as the build needs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from artifacts.toolchain import go
from artifacts.toolchain.build import build_command
from artifacts.toolchain.catalog import tool, tools
from artifacts.toolchain.prefetch import compile_command, groups


def test_tools_that_share_pins_are_listed_together() -> None:
    found = groups(list(tools().values()))
    assert len(found) == len({item.module_root for item in tools().values()})
    for item in tools().values():
        assert set(item.packages) <= set(found[item.module_root]), item.name


def test_order_is_that_of_the_builds() -> None:
    """The modules that are needed first are downloaded first."""
    chosen = list(tools().values())
    roots = list(dict.fromkeys(item.module_root for item in chosen))
    assert list(groups(chosen)) == roots


def test_nothing_is_left_to_compile_after_the_work_ahead(tmp_path: Path) -> None:
    """The build finds every package in the compiler's cache only if both commands have the same flags."""
    item = tool("pause")
    environment = go.environment(go.ensure()) | {"GOCACHE": str(tmp_path / "cache")}

    def run(command: list[str]) -> list[str]:
        found = subprocess.run(
            command, cwd=item.module_root, env=os.environ | environment, check=True, capture_output=True, text=True
        )
        return found.stderr.splitlines()

    run(compile_command(item.packages))
    assert run(build_command(item, tmp_path / "bin")) == []
