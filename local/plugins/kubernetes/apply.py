"""Server-side apply: what is sent, whose fields may be taken, which refusals pass by themselves."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from local.plugins.kubernetes.client import ApiError, Applied, Client, Object, Unreachable
from local.plugins.protocol.errors import PluginError
from local.plugins.protocol.values import Json

FORCE = "pulumi.com/patchForce"
HAND_TOOLS: tuple[str, ...] = tuple(yaml.safe_load((Path(__file__).parent / "data" / "hand_tools.yaml").read_text()))
_CONFLICT = re.compile(r'conflicts? with "(?P<manager>[^"]+)"')


def body(inputs: dict[str, Any], api_version: str, kind: str, namespace: str | None) -> Object:
    """Return what is sent for these inputs.

    A Secret's `stringData` goes as `data`: the server would own and never remove the former.
    """
    sent = {key: value for key, value in inputs.items() if not key.startswith("__") and key != "status"}
    sent["apiVersion"], sent["kind"] = api_version, kind
    sent["metadata"] = dict(sent.get("metadata") or {})
    if namespace:
        sent["metadata"]["namespace"] = namespace
    if kind == "Secret" and api_version == "v1" and "stringData" in sent:
        plain = sent.pop("stringData")
        coded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        sent["data"] = {**(sent.get("data") or {}), **coded}
    return sent


def apply(
    client: Client,
    path: str,
    sent: Object,
    *,
    manager: str,
    force: bool,
    ignored: Sequence[str] = (),
    dry_run: bool = False,
    warn: Callable[[str], None] = lambda text: None,
) -> Applied:
    """Apply an object once, settling conflicts where that is sensible.

    Fields that a person changed at a terminal are taken back, with a warning. Fields that the program
    ignores are left to their owner. Any other conflict is an error that names the owner.

    Raises:
        PluginError: Another manager owns a field.
        ApiError: The server refused for another reason.
        Unreachable: The cluster did not answer.
    """
    try:
        return client.apply(path, sent, manager=manager, force=force, dry_run=dry_run)
    except ApiError as error:
        owners = conflicts(error)
        if not owners:
            raise
    left = {field: owner for field, owner in owners.items() if not _drop(sent, field, ignored)}
    foreign = {field: owner for field, owner in left.items() if not owner.startswith(HAND_TOOLS)}
    if foreign:
        raise PluginError(conflict_message(sent, foreign))
    if left and not dry_run:
        listed = ", ".join(f"{field} ({owner})" for field, owner in left.items())
        warn(f"taking back fields changed by hand: {listed}")
    return client.apply(path, sent, manager=manager, force=bool(left), dry_run=dry_run)


def conflicts(error: ApiError) -> dict[str, str]:
    """Return the fields in conflict and who owns each; empty for other errors."""
    found: dict[str, str] = {}
    for cause in error.causes:
        if cause.get("reason") == "FieldManagerConflict":
            match = _CONFLICT.search(cause.get("message", ""))
            found[cause.get("field", "")] = match["manager"] if match else cause.get("message", "")
    return found


def conflict_message(sent: Object, owners: dict[str, str]) -> str:
    """Return the error of a conflict: each field, its owner, and the ways out."""
    name = f"{sent['kind']} {sent['metadata'].get('name')}"
    lines = [f"  {field} is managed by {owner!r}" for field, owner in sorted(owners.items())]
    return "\n".join(
        [
            f"{name}: other field managers own what the program sets",
            *lines,
            f'  next: remove the field from the program, list it in ignoreChanges, or annotate {FORCE}: "true"',
        ]
    )


def patiently(
    call: Callable[[], Applied], *, seconds: float, cancelled: threading.Event, status: Callable[[str], None]
) -> Applied:
    """Repeat an apply while the server refuses for reasons that pass by themselves.

    Args:
        call: One try.
        seconds: Longest time for all tries.
        cancelled: Ends the tries when set.
        status: Gets the reason of each refusal.
    """
    began, delay = time.monotonic(), 0.1
    while True:
        try:
            return call()
        except (ApiError, Unreachable) as error:
            allowed = min(seconds, patience(error))
            if cancelled.is_set() or time.monotonic() - began + delay > allowed:
                raise
            status(f"trying again: {error}")
        cancelled.wait(delay)
        delay = min(delay * 1.6, 3.0)


def patience(error: Exception) -> float:  # noqa: PLR0911 - one line a case reads best
    """Return the seconds after which a refusal counts as final; 0 for those that are final at once. Pure."""
    if isinstance(error, Unreachable):
        return 30.0
    if not isinstance(error, ApiError):
        return 0.0
    text = error.message
    if "failed calling webhook" in text or "conversion webhook" in text:
        return 120.0  # its pods are ready before the service proxy knows them
    if "being terminated" in text or "being deleted" in text:
        return 300.0
    if error.status == 404 and "namespaces" in text:
        return 15.0
    if error.status in {429, 502, 503, 504} or (error.status == 500 and "etcd" in text):
        return 60.0
    if error.status == 409 and not conflicts(error) and error.reason == "Conflict":
        return 15.0
    return 0.0


def tolerable(error: ApiError) -> bool:
    """Tell whether a preview goes on without the server's opinion: what is missing, an `up` makes first. Pure."""
    if error.status == 404 or error.status >= 500 or error.status == 429:
        return True
    return "does not support dry run" in error.message or "failed calling webhook" in error.message


def _drop(sent: Object, field: str, ignored: Sequence[str]) -> bool:
    """Remove an ignored field from what is sent; tell whether it was one."""
    parts = field.lstrip(".").split(".")
    if not any(field.lstrip(".") == path or field.lstrip(".").startswith(f"{path}.") for path in ignored):
        return False
    here: Json = sent
    for part in parts[:-1]:
        here = here.get(part) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here.pop(parts[-1], None)
        return True
    return False
