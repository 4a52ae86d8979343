"""What a file backend holds of a stack, read without the engine, and whether it is this program's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

PROJECT = "mlplatform"

OWN_TYPES = f"{PROJECT}:"
"""How the types of this program's components begin."""

ENGINE_TYPES = ("pulumi:pulumi:", "pulumi:providers:")
"""Types that every program has."""


def is_plain(backend: str) -> bool:
    """Tell whether a backend keeps its state in files of this machine."""
    return backend.startswith("file://")


def folder_of(backend: str) -> Path | None:
    """Return the folder of a file backend, found as the engine finds it; None for other backends.

    The engine takes `~` for the home, a relative path for one from where it runs, and what follows `?` for options
    (pulumi, pkg/backend/diy/backend.go: massageBlobPath).
    """
    if not is_plain(backend):
        return None
    return Path(backend.removeprefix("file://").partition("?")[0]).expanduser().absolute()


def state_path(backend: str, stack: str) -> Path | None:
    """Return where a file backend keeps the checkpoint of `stack`; None for other backends."""
    folder = folder_of(backend)
    return folder / ".pulumi" / "stacks" / PROJECT / f"{stack}.json" if folder else None


def deployment(backend: str, stack: str) -> dict[str, Any]:
    """Return the recorded deployment; empty where there is none, or the backend keeps no plain files."""
    path = state_path(backend, stack)
    if path is None or not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"] or {}
    except (KeyError, TypeError, ValueError):  # torn; the engine says what it finds
        return {}


def salt(recorded: Mapping[str, Any]) -> str | None:
    """Return what checks the passphrase of a deployment; None where it is not encrypted by one."""
    provider = recorded.get("secrets_providers") or {}
    return (provider.get("state") or {}).get("salt") if provider.get("type") == "passphrase" else None


def refuse_foreign(recorded: Mapping[str, Any], backend: str, stack: str) -> None:
    """Refuse the state of another program, whose resources an update would delete.

    Args:
        recorded: The deployment.
        backend: URL of its backend, to say.
        stack: Its name.

    Raises:
        UserError: It has resources, and no component of this program.
    """
    types = [str(entry["type"]) for entry in recorded.get("resources") or []]
    others = [kind for kind in types if not kind.startswith(ENGINE_TYPES)]
    if others and not any(kind.startswith(OWN_TYPES) for kind in others):
        raise UserError(
            f"The state of stack {stack} was written by another program; nothing was touched.",
            seen=f"{len(others)} resources in {backend}, such as {others[0]}, and no {OWN_TYPES}*",
            allowed="an empty state, or one of this program",
            next_step="point PULUMI_BACKEND_URL at this platform's state, or unset it for this checkout's own",
        )
