"""Reads the state of a stack from a file backend without the engine, and refuses the state of another program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

PROJECT = "mlplatform"

OWN_TYPES = f"{PROJECT}:"
"""Prefix of the types of this program's components."""

ENGINE_TYPES = ("pulumi:pulumi:", "pulumi:providers:")
"""Prefixes of the types that every program has."""


def is_plain(backend: str) -> bool:
    """Tell whether a backend keeps its state in files on this machine."""
    return backend.startswith("file://")


def folder_of(backend: str) -> Path | None:
    """Return the folder of a file backend by the engine's rules; None for other backends.

    The engine expands `~`, resolves a relative path from its working directory, and reads the part after `?` as
    options (pulumi, pkg/backend/diy/backend.go: massageBlobPath).
    """
    if not is_plain(backend):
        return None
    return Path(backend.removeprefix("file://").partition("?")[0]).expanduser().absolute()


def state_path(backend: str, stack: str) -> Path | None:
    """Return the checkpoint file of `stack` in a file backend; None for other backends."""
    folder = folder_of(backend)
    return folder / ".pulumi" / "stacks" / PROJECT / f"{stack}.json" if folder else None


def deployment(backend: str, stack: str) -> dict[str, Any]:
    """Return the recorded deployment; empty without a recorded one, and for other backends than file backends."""
    path = state_path(backend, stack)
    if path is None or not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"] or {}
    except (KeyError, TypeError, ValueError):  # a truncated file; the engine reports it
        return {}


def salt(recorded: Mapping[str, Any]) -> str | None:
    """Return the salt of a deployment that is encrypted with a passphrase; None for other encryption."""
    provider = recorded.get("secrets_providers") or {}
    return (provider.get("state") or {}).get("salt") if provider.get("type") == "passphrase" else None


def refuse_foreign(recorded: Mapping[str, Any], backend: str, stack: str) -> None:
    """Refuse the state of another program, whose resources an update would delete.

    Args:
        recorded: The deployment.
        backend: URL of its backend, for the message.
        stack: Name of the stack.

    Raises:
        UserError: The state has resources but no component of this program, or a resource without a type.
    """
    resources = recorded.get("resources") or []
    if any(not isinstance(entry, Mapping) or not entry.get("type") for entry in resources):
        raise UserError(
            f"The state of stack {stack} is damaged; nothing was touched.",
            seen=f"a resource without a type in {backend}",
            allowed="a state that the Pulumi engine wrote",
            next_step="restore the state from a backup: the backend keeps earlier versions in .pulumi/backups"
            " and .pulumi/history",
        )
    types = [str(entry["type"]) for entry in resources]
    others = [kind for kind in types if not kind.startswith(ENGINE_TYPES)]
    if others and not any(kind.startswith(OWN_TYPES) for kind in others):
        raise UserError(
            f"The state of stack {stack} was written by another program; nothing was touched.",
            seen=f"{len(others)} resources in {backend}, such as {others[0]}, and no {OWN_TYPES}*",
            allowed="an empty state, or a state of this program",
            next_step="set PULUMI_BACKEND_URL to this platform's state, or unset it to use this checkout's own state",
        )
