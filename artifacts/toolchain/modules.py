"""Finds the folders of Go modules in the module cache, which also contain charts, manifests and CRDs."""

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
    """Return the read-only folder of a Go module at the version that a tool's go.mod pins.

    A missing module is downloaded and verified against go.sum.

    Args:
        name: The tool whose go.mod pins the module.
        module: Path of the module, `sigs.k8s.io/gateway-api`.

    Raises:
        UserError: The tool's go.mod does not pin the module, or the download failed.
    """
    folder = _known(name, module)
    if folder is None:
        with progress.step(f"Downloading module {module}", estimate=20):
            _go(name, "mod", "download", module)
        folder = _known(name, module)
    if folder is None:
        raise UserError(f"Module {module} was downloaded, but its folder is missing.", next_step="go clean -modcache")
    return folder


def _known(name: str, module: str) -> Path | None:
    """Return the module's folder; None when it is not in the module cache."""
    text = _go(name, "list", "-m", "-f", "{{.Dir}}", module).strip()
    return Path(text) if text else None


def _go(name: str, *arguments: str) -> str:
    """Run a `go` command in the folder of a tool's go.mod; return its output."""
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
            f"`go {' '.join(arguments)}` failed for {name}.",
            seen=done.stderr.strip()[-600:],
            next_step=f"check that {root.relative_to(ROOT)}/go.mod names the module and the module proxy is reachable",
        )
    return done.stdout
