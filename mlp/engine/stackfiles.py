"""Keeps committed stack files as they are while the plain CLI, which completes them, works on them.

A file backend needs a salt in `Pulumi.<stack>.yaml`, made for one machine's passphrase. The CLI writes it there. Git
leaves it out by a clean filter, and the state, which knows it too, decides when the two disagree.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SALT = "encryptionsalt:"
ENCRYPTED = "secure: "
FILTER = "filter.mlp-stack.clean"
COMMAND = "if test -f {0}; then awk -v file=%f -f {0}; else cat; fi".format("mlp/engine/stack_file.awk")
"""Git runs it in a shell, at the top of a work tree; older commits have no such script."""


def keep_out_of_commits(root: Path) -> None:
    """Tell git how to leave out what the CLI adds; a folder without git needs nothing."""
    if _has_git(root) and _git(root, "config", "--local", FILTER).stdout.strip() != COMMAND:
        _git(root, "config", "--local", FILTER, COMMAND)


def note_unchanged(root: Path, path: Path) -> None:
    """Have git look at a stack file again: it takes one of another size for changed, whatever the filter leaves of it.

    What is staged stays as it is: nothing is done unless the filtered file equals it.
    """
    tracked = _has_git(root) and _git(root, "ls-files", "--error-unmatch", "--", str(path)).returncode == 0
    if tracked and _git(root, "diff", "--quiet", "--", str(path)).returncode == 0:
        _git(root, "add", "--", str(path))


def _has_git(root: Path) -> bool:
    return (root / ".git").exists() and shutil.which("git") is not None


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)


def agree(path: Path, salt: str | None) -> None:
    """Make the salt in a stack file that of the state.

    A file with encrypted values keeps its own: they were encrypted with it.

    Args:
        path: The stack file.
        salt: What the state says; None when the state has no salt, or there is no state.
    """
    text = path.read_text(encoding="utf-8")
    if ENCRYPTED in text:
        return
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(SALT)]
    wanted = "".join(lines) + (f"{SALT} {salt}\n" if salt else "")
    if wanted != text:
        path.write_text(wanted, encoding="utf-8")
