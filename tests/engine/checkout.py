"""A copy of this checkout under git, in which a test runs commands as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import paths
from mlp.engine import stackfiles


class Checkout:
    """A copy of this checkout's files under git, with a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "-C", str(paths.ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (paths.ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(paths.ROOT / name, folder / name)
        for file in (folder / "stacks").iterdir():  # this checkout's own may be completed
            stackfiles.agree(file, None)
        (folder / ".mlp").mkdir()
        for part in ("venv", "upstream", "environments"):
            (folder / ".mlp" / part).symlink_to(paths.WORK / part)
        self.environment = {
            name: text for name, text in os.environ.items() if not name.startswith(("PULUMI_", "MLP_", "AWS_"))
        }
        self.environment |= {
            "PYTHONPATH": str(folder),
            "KUBECONFIG": "/nonexistent",
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@localhost",
        }
        self.shell("git init --quiet && git add --all && git commit --quiet --message first")

    def shell(self, script: str, *, fails: bool = False, **variables: str) -> str:
        """Run a shell script at the top of the checkout; return its output, or all that a failing one said."""
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr if fails else done.stdout

    def plain(self, script: str, **options: Any) -> str:
        """Run a shell script after `eval "$(mlp env)"`."""
        return self.shell(f'variables=$({sys.executable} -m mlp.cli env); eval "$variables"\n{script}', **options)

    def changes(self) -> str:
        """Return what git sees as changed."""
        return self.shell("git status --porcelain")
