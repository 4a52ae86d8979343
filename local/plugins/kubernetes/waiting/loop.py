"""The waiting itself: look, watch until something changes, look again, until ready or out of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.plugins.kubernetes.client import ApiError, Client, Object, Unreachable
from local.plugins.kubernetes.waiting.explain import reasons, short
from local.plugins.kubernetes.waiting.verdict import Verdict

LOOK_SECONDS = 3
"""Longest time between two looks; a change is seen at once."""


class NotReady(Exception):
    """It failed, or the time was over.

    Attributes:
        reasons: Why, the first one being the verdict itself.
        live: The object as last seen.
    """

    def __init__(self, reasons: list[str], live: Object) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.live = live


@dataclass(frozen=True)
class Target:
    """What is waited for.

    Attributes:
        path: URL of the object.
        collection: URL of its collection, where it can be watched.
        name: Its name.
        what: How messages call it.
        look: Longest seconds between two looks; less where the object itself does not change.
    """

    path: str
    collection: str
    name: str
    what: str
    look: int = LOOK_SECONDS


def until(
    client: Client,
    target: Target,
    check: Callable[[Object], Verdict],
    *,
    seconds: float,
    cancelled: threading.Event,
    status: Callable[[str], None],
) -> Object:
    """Wait until `check` holds; return the object as it then is.

    Args:
        client: Connection to the cluster.
        target: The object.
        check: Tells ready, waiting or failed.
        seconds: Longest time to wait.
        cancelled: Ends the wait when set.
        status: Gets a line whenever what is missing changes.

    Raises:
        NotReady: It failed, vanished, was not ready in time, or the operation was cancelled.
    """
    deadline = time.monotonic() + seconds
    live: Object = {"metadata": {"name": target.name}}
    shown = ""
    while True:
        try:
            live = client.get(target.path)
        except ApiError as error:
            if error.status == 404:
                raise NotReady([f"{target.what} vanished while it was waited for"], live) from None
            raise
        except Unreachable as error:
            if cancelled.wait(1.0) or time.monotonic() >= deadline:
                raise NotReady([f"the cluster stopped answering: {error}"], live) from None
            continue
        verdict = check(live)
        if verdict.state == "ready":
            return live
        if verdict.state == "failed":
            raise NotReady([verdict.reason, *reasons(client, live)], live)
        left = deadline - time.monotonic()
        if cancelled.is_set():
            raise NotReady([f"cancelled: {verdict.reason}"], live)
        if left <= 0:
            raise NotReady([f"not ready after {seconds:.0f} s: {verdict.reason}", *reasons(client, live)], live)
        line = " · ".join(filter(None, [verdict.reason, short(client, live)]))
        if line != shown:
            shown = line
            status(line)
        _until_changed(client, target, live, check, verdict, max(1, min(target.look, int(left) + 1)))


def _until_changed(
    client: Client, target: Target, live: Object, check: Callable[[Object], Verdict], verdict: Verdict, seconds: int
) -> None:
    query = {
        "fieldSelector": f"metadata.name={target.name}",
        "resourceVersion": live["metadata"].get("resourceVersion", ""),
    }
    try:
        for event, obj in client.watch(target.collection, query, seconds):
            if event in {"DELETED", "ERROR"} or check(obj) != verdict:
                return
    except (ApiError, Unreachable):
        threading.Event().wait(0.2)  # the next look tells what is wrong
