"""Sources that a tool's modules lack: laid out beside a copy of its go.mod, which is made to use them.

A tool whose folder holds a prepare.py is built in such a copy. Its function `prepare(workshop)` makes folders of Go
modules there and returns which module each stands in for. The committed go.mod names the published modules only, so
that go.sum vouches for whatever a folder is copied from.
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
    """What a tool's prepare.py works with.

    Attributes:
        tool: The tool.
        folder: Where it is built; has a copy of the tool's sources.
    """

    tool: Tool
    folder: Path

    def module(self, path: str) -> Path:
        """Return the read-only folder of a Go module at the version that the tool's go.mod pins."""
        return module_dir(self.tool.name, path)

    def copy(self, module: str, name: str, *, exclude: tuple[str, ...] = ()) -> Path:
        """Copy a Go module into the workshop's folder `name`, without the top folders `exclude`; return the copy."""
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
                path.chmod(0o755)  # the module cache is read-only, folders included
        return target

    def wheels(self) -> Path:
        """Return a folder with the wheels that the tool's requirements.txt pins, unpacked.

        Raises:
            UserError: One could not be fetched, or is not what was pinned.
        """
        target = self.folder / "wheels"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-compile", "--only-binary=:all:", "--require-hashes", "--target", str(target)]
        self._run([*command, "-r", str(self.tool.folder / "requirements.txt")])
        return target

    def run(self, package: str, given: bytes) -> bytes:
        """Return what the Go program `package`, of a module that the tool's go.mod pins, makes of `given`.

        Raises:
            UserError: It could not be built or failed.
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
                f"the sources of {self.tool.name} could not be prepared: `{' '.join(command[:3])}` failed",
                seen=done.stderr.decode(errors="replace").strip()[-600:],
                next_step="mend access to the package index and the module proxy, then run the same command again",
            )
        return done.stdout


def with_replacements(go_mod: str, replacements: Mapping[str, str]) -> str:
    """Return the text of a go.mod in which folders beside it stand in for modules.

    Args:
        go_mod: The text.
        replacements: Module path -> folder's name.
    """
    lines = [f"replace {module} => ./{folder}" for module, folder in sorted(replacements.items())]
    return go_mod.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def prepare_folder(item: Tool, folder: Path) -> Path:
    """Return the folder in which to build a tool: its module's, or `folder`, prepared, when it has a prepare.py.

    Args:
        item: The tool.
        folder: Does not exist yet.

    Raises:
        UserError: The sources could not be made.
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
