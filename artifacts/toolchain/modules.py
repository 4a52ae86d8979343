"""Folders of Go modules in the module cache: charts, manifests and CRDs that ship beside the code."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from artifacts.toolchain import go as compiler
from artifacts.toolchain.catalog import tool
from common import progress
from common.errors import UserError
from common.paths import ROOT


@functools.cache
def module_dir(name: str, module: str) -> Path:
    """Return the read-only folder of a Go module, at the version that a tool's go.mod pins.

    Downloads it when missing; go.sum vouches for its content.

    Args:
        name: The tool whose go.mod is asked.
        module: Path of the module, `sigs.k8s.io/gateway-api`.

    Raises:
        UserError: The tool's go.mod does not pin the module, or it could not be downloaded.
    """
    folder = _known(name, module)
    if folder is None:
        with progress.step(f"download module {module}", estimate=20):
            _go(name, "mod", "download", module)
        folder = _known(name, module)
    if folder is None:
        raise UserError(f"module {module} was downloaded, but its folder is missing", next_step="go clean -modcache")
    return folder


def _known(name: str, module: str) -> Path | None:
    """Return the module's folder when it is in the cache."""
    text = _go(name, "list", "-m", "-f", "{{.Dir}}", module).strip()
    return Path(text) if text else None


def _go(name: str, *arguments: str) -> str:
    """Return the output of a `go` command that runs in a tool's folder."""
    chosen = compiler.ensure()
    root = tool(name).module_root
    done = subprocess.run(
        [chosen.executable, *arguments],
        cwd=root,
        env=compiler.environment(chosen),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(
            f"`go {' '.join(arguments)}` failed for {name}",
            seen=done.stderr.strip()[-600:],
            next_step=f"see that {root.relative_to(ROOT)}/go.mod names the module and that the module proxy answers",
        )
    return done.stdout
