"""Removes what a killed update leaves behind: truncated files, a lock that never expires, pending operations."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

from pulumi import automation as auto

from common.errors import UserError
from common.progress import console
from infra.state.recorded import folder_of
from mlp.engine.adopt import adopt_pending


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def drop_torn_attributes(backend_url: str) -> list[Path]:
    """Delete the attribute files of a file backend that a killed engine left truncated; return their paths.

    The engine replaces a checkpoint atomically, but not its `.attrs` file, and refuses to load a checkpoint whose
    attributes are truncated ("failed to load checkpoint: EOF"). They contain only the media type and are optional.
    """
    folder = folder_of(backend_url)
    if folder is None:
        return []
    torn = []
    for path in sorted((folder / ".pulumi").rglob("*.attrs")):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            path.unlink(missing_ok=True)
            torn.append(path)
        except FileNotFoundError:
            continue
    return torn


def lock_files(backend_url: str, stack: str) -> list[Path]:
    """Return the lock files of `stack` in a file backend; empty for other backends."""
    folder = folder_of(backend_url)
    if folder is None:
        return []
    return sorted(path for path in (folder / ".pulumi" / "locks").rglob("*.json") if path.parent.name == stack)


def clear_stale_lock(stack: auto.Stack, backend_url: str) -> None:
    """Remove the lock of a process that has exited on this machine.

    Raises:
        UserError: A running process on this machine, or a process on another machine, holds the lock.
    """
    for path in lock_files(backend_url, stack.name):
        lock: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            lock = json.loads(path.read_text())
        pid, host = int(lock.get("pid", 0)), lock.get("hostname", socket.gethostname())
        if host != socket.gethostname() or (pid and _alive(pid)):
            raise UserError(
                f"Another update of stack {stack.name} is running.",
                seen=f"process {pid} on {host}, since {lock.get('timestamp', 'an unknown time')}",
                next_step="wait for its end, or end that process; then run the command again",
            )
        console.print(f"  [yellow]removed the lock of a killed update (process {pid})[/]")
        path.unlink(missing_ok=True)


def drop_pending_operations(stack: auto.Stack) -> None:
    """Remove the pending operations of a killed update from the state, after the adoption of what they created.

    They can run again: Kubernetes objects have fixed names and one field manager, and resources in AWS are adopted.
    Otherwise the engine would warn of the pending operations at every later command.
    """
    exported = stack.export_stack()
    deployment = exported.deployment or {}
    pending = deployment.get("pending_operations") or []
    if not pending:
        return
    urns = [operation["resource"]["urn"].rsplit("::", 1)[-1] for operation in pending]
    console.print(f"  [yellow]{len(pending)} operations were interrupted and run again: {', '.join(urns[:5])}[/]")
    if adopt_pending(stack):
        exported = stack.export_stack()
    left = exported.deployment or {}
    exported.deployment = {key: value for key, value in left.items() if key != "pending_operations"}
    stack.import_stack(exported)
