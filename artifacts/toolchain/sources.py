"""Prepares the sources of tools whose published Go modules lack files or need a change.

A tool with a prepare.py is built in a copy of its sources. The function `prepare(sources)` in that file writes changed
Go modules into the copy and returns which module each folder replaces. The committed go.mod names published modules
only, so that go.sum verifies the originals of all changed modules.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artifacts.toolchain import go as compiler
from artifacts.toolchain.catalog import Tool
from artifacts.toolchain.modules import module_dir
from common.errors import UserError


@dataclass(frozen=True)
class SourceFolder:
    """Folder in which a tool is built, with the operations that its prepare.py uses.

    Attributes:
        tool: The tool.
        folder: The folder; contains a copy of the tool's sources.
    """

    tool: Tool
    folder: Path

    def module(self, path: str) -> Path:
        """Return the read-only folder of a Go module at the version that the tool's go.mod pins."""
        return module_dir(self.tool.name, path)

    def copy(self, module: str, name: str, *, exclude: tuple[str, ...] = ()) -> Path:
        """Copy a Go module to the subfolder `name`, without the top-level folders `exclude`; return the copy."""
        origin, target = self.module(module), self.folder / name
        target.mkdir()
        for path in sorted(origin.iterdir()):
            if path.name in exclude:
                continue
            if path.is_dir():
                shutil.copytree(path, target / path.name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(path, target / path.name)
        for path in (target, *target.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)  # folders in the module cache are read-only
        return target

    def wheels(self) -> Path:
        """Unpack the wheels that the tool's requirements.txt pins; return their folder.

        Raises:
            UserError: A wheel could not be fetched, or its hash differs.
        """
        target = self.folder / "wheels"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-compile", "--only-binary=:all:", "--require-hashes", "--target", str(target)]
        self._run([*command, "-r", str(self.tool.folder / "requirements.txt")])
        return target

    def run(self, package: str, given: bytes) -> bytes:
        """Run a Go program of a module that the tool's go.mod pins, with `given` as input; return its output.

        Raises:
            UserError: The program could not be built, or it failed.
        """
        return self._run([str(compiler.ensure().executable), "run", package], given)

    def _run(self, command: list[str], given: bytes = b"") -> bytes:
        done = subprocess.run(
            command,
            cwd=self.tool.module_root,
            env=compiler.environment(compiler.ensure()),
            input=given,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise UserError(
                f"The sources of {self.tool.name} could not be prepared: `{' '.join(command[:3])}` failed.",
                seen=done.stderr.decode(errors="replace").strip()[-600:],
                next_step="check access to the package index and the module proxy, then run the same command again",
            )
        return done.stdout


def with_replacements(go_mod: str, replacements: Mapping[str, str]) -> str:
    """Return the text of a go.mod with `replace` directives for modules in folders beside it.

    Args:
        go_mod: Text of the go.mod.
        replacements: Module path -> name of the folder.
    """
    lines = [f"replace {module} => ./{folder}" for module, folder in sorted(replacements.items())]
    return go_mod.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def prepare_folder(item: Tool, folder: Path) -> Path:
    """Return the folder in which to build a tool; for a tool with a prepare.py, prepare its sources in `folder`.

    Args:
        item: The tool.
        folder: Folder for prepared sources; must not exist yet.

    Raises:
        UserError: The sources could not be prepared.
    """
    if not item.prepared:
        return item.module_root
    for source in item.sources():
        place = folder / source.relative_to(item.module_root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    own = importlib.import_module(f"artifacts.toolchain.{item.name}.prepare")
    replacements: Mapping[str, str] = own.prepare(SourceFolder(item, folder))
    go_mod = folder / "go.mod"
    go_mod.write_text(with_replacements(go_mod.read_text(), replacements))
    return folder
