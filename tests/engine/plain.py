"""A project on disk for the plain `pulumi` CLI, with the platform's language host and plugins in a separate home."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from common import paths
from mlp.engine.environment import ALWAYS, OURS
from providers import home

STACK = "test"
PASSPHRASE = "correct horse"
SECONDS = 300.0
"""Time limit of a command."""


@dataclass
class Plain:
    """A project with one stack.

    Attributes:
        folder: Folder of the project; its state and the CLI's home are next to it.
        name: Name of the project.
        options: Options of the Python runtime in Pulumi.yaml.
        environment: Variables in addition to those that `mlp env` prints.
    """

    folder: Path
    name: str = "small"
    options: Mapping[str, Any] = field(default_factory=lambda: {"toolchain": "pip", "virtualenv": str(paths.VENV)})
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write Pulumi.yaml and create the home."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"name": self.name, "runtime": {"name": "python", "options": dict(self.options)}}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(content))
        self.home = home.make(self.folder.parent / "home", users=self.folder.parent / "no-home")
        state = self.folder.parent / "state"
        state.mkdir(exist_ok=True)
        self.environment = {
            **ALWAYS,
            **OURS,
            "HOME": str(self.folder.parent),
            "PATH": os.pathsep.join([str(self.home / "bin"), "/usr/bin", "/bin"]),
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_STACK": STACK,
            "KUBECONFIG": "/nonexistent",
            **self.environment,
        }

    def program(self, text: str) -> None:
        """Write the program."""
        (self.folder / "__main__.py").write_text(text)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI and return its result, whatever its status."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def well(self, *arguments: str, **variables: str) -> str:
        """Run a command that must succeed without a warning; return its output."""
        done = self.run(*arguments, **variables)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "warning" not in said.lower(), said
        return done.stdout

    def badly(self, *arguments: str, **variables: str) -> str:
        """Run a command that must fail; return its output and errors."""
        done = self.run(*arguments, **variables)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def steps(self, *arguments: str) -> dict[str, str]:
        """Run a preview and return the operation of each changed resource by name, without providers and the stack."""
        found = json.loads(self.well("preview", "--json", *arguments))["steps"]
        return {name(step["urn"]): step["op"] for step in found if not step["urn"].split("::")[2].startswith("pulumi:")}

    def urn(self, wanted: str) -> str:
        """Return the URN of a recorded resource."""
        state = json.loads(self.well("stack", "export"))["deployment"]["resources"]
        return next(entry["urn"] for entry in state if name(entry["urn"]) == wanted)


def name(urn: str) -> str:
    """Return the last part of a URN."""
    return urn.rsplit("::", 1)[-1]
