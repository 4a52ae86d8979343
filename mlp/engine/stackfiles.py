"""Keeps the additions of the plain CLI to stack files out of commits.

With a file backend the CLI writes a salt to `Pulumi.<stack>.yaml`, which is valid for one machine's passphrase only. A
clean filter of git leaves it out of commits. The state has the salt too; when file and state differ, the state counts.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SALT = "encryptionsalt:"
ENCRYPTED = "secure: "
FILTER = "filter.mlp-stack.clean"
COMMAND = "if test -f {0}; then awk -v file=%f -f {0}; else cat; fi".format("mlp/engine/stack_file.awk")
"""Git runs this command in a shell at the top of a work tree; commits before the filter lack the script."""


def keep_out_of_commits(root: Path) -> None:
    """Configure the clean filter in the repository; do nothing in a folder without git."""
    if _has_git(root) and _git(root, "config", "--local", FILTER).stdout.strip() != COMMAND:
        _git(root, "config", "--local", FILTER, COMMAND)


def note_unchanged(root: Path, path: Path) -> None:
    """Refresh git's index entry of a stack file, so that git does not report the additions of the CLI as a change.

    Git reports a file of another size as changed without running the filter. A staged change stays as it is: the entry
    is refreshed only when the filtered file equals the index.
    """
    tracked = _has_git(root) and _git(root, "ls-files", "--error-unmatch", "--", str(path)).returncode == 0
    if tracked and _git(root, "diff", "--quiet", "--", str(path)).returncode == 0:
        _git(root, "add", "--", str(path))


def _has_git(root: Path) -> bool:
    return (root / ".git").exists() and shutil.which("git") is not None


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)


def agree(path: Path, salt: str | None) -> None:
    """Write the salt of the state to a stack file.

    A file with encrypted values keeps its own salt, with which they were encrypted.

    Args:
        path: The stack file.
        salt: Salt of the state; None when there is no state, or no salt in it.
    """
    text = path.read_text(encoding="utf-8")
    if ENCRYPTED in text:
        return
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(SALT)]
    wanted = "".join(lines) + (f"{SALT} {salt}\n" if salt else "")
    if wanted != text:
        path.write_text(wanted, encoding="utf-8")
