"""A Debian mirror in a folder, with empty packages, from which real apt-get resolves and downloads."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

CONTROL = """Package: {name}
Version: {version}
Architecture: amd64
Maintainer: test <test@example.com>
Priority: optional
Essential: {essential}
Depends: {depends}
Description: test
"""


class Mirror:
    """A mirror of one suite with one component."""

    def __init__(self, folder: Path, suite: str = "bookworm") -> None:
        self.folder = folder
        self.suite = suite
        self.packages: dict[str, tuple[str, str]] = {}

    def publish(self, name: str, version: str, depends: str = "") -> None:
        """Add a package, replacing its earlier version."""
        self.packages[name] = (version, depends)
        pool = self.folder / "pool"
        for old in pool.glob(f"{name}_*.deb"):
            old.unlink()
        control = self.folder / "build" / "DEBIAN" / "control"
        control.parent.mkdir(parents=True, exist_ok=True)
        pool.mkdir(exist_ok=True)
        text = self._control(name)
        control.write_text(text)
        command = [
            "dpkg-deb",
            "--build",
            "--root-owner-group",
            str(control.parent.parent),
            str(pool / self._file(name)),
        ]
        subprocess.run(command, check=True, capture_output=True)
        self._index()

    def _file(self, name: str) -> str:
        return f"{name}_{self.packages[name][0]}_amd64.deb"

    def _control(self, name: str) -> str:
        version, depends = self.packages[name]
        essential = "yes" if name == "dash" else "no"
        text = CONTROL.format(name=name, version=version, depends=depends, essential=essential)
        return text if depends else text.replace("Depends: \n", "")

    def _index(self) -> None:
        entries = []
        for name in self.packages:
            content = (self.folder / "pool" / self._file(name)).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            where = f"Filename: pool/{self._file(name)}\nSize: {len(content)}\nSHA256: {digest}\n"
            entries.append(self._control(name) + where)
        packages = "\n".join(entries).encode()
        release = self.folder / "dists" / self.suite
        (release / "main" / "binary-amd64").mkdir(parents=True, exist_ok=True)
        (release / "main" / "binary-amd64" / "Packages").write_bytes(packages)
        line = f" {hashlib.sha256(packages).hexdigest()} {len(packages)} main/binary-amd64/Packages"
        head = f"Suite: {self.suite}\nCodename: {self.suite}\nComponents: main\nArchitectures: amd64\n"
        (release / "Release").write_text(f"{head}Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{line}\n")

    def lose_lists(self) -> None:
        """Break the mirror: remove the lists that its index names."""
        shutil.rmtree(self.folder / "dists" / self.suite / "main")

    def source(self) -> str:
        """Return the stanza of a `.sources` file."""
        return f"Types: deb\nURIs: file:{self.folder}\nSuites: {self.suite}\nComponents: main\nTrusted: yes\n"
