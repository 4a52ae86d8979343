"""Turns the engine's event stream into progress for users, and into counts and errors for programs."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent

from client.reachable import PROVIDER
from common.progress import Step, console
from mlp.engine.explain import why
from mlp.engine.messages import UNREADY, readable

SHOWN_RUNNING = 3
"""Resources named in one heartbeat line."""

CONSEQUENCES = ("whose registration isn't pending", "Resource monitor has terminated, shutting down")
"""Parts of messages that only follow from the error of another resource, which is shown."""

VERDICTS = ("update failed", "preview failed")
"""Messages without a reason; the engine reports the reason in another message."""

INTERRUPTED = ("update canceled", "preview canceled", "destroy canceled", "refresh canceled")
"""Messages of an engine that stops because of a signal."""

MARKS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "delete": "[red]-[/]", "replace": "[magenta]±[/]"}


def short(urn: str) -> str:
    """Return type and name of a URN, the type without its module path."""
    parts = urn.split("::")
    return f"{parts[2].rsplit('$', 1)[-1].rsplit(':', 1)[-1]} {parts[-1]}" if len(parts) > 3 else urn


@dataclass
class Recorder:
    """Follows one operation.

    Attributes:
        step: Progress step whose detail is updated.
        verbose: Print one line for each resource that changes.
        changes: Number of resources by operation, as the engine counts them at the end.
        errors: Diagnostics of severity error, in order, each once; with the cluster's reasons for an unready object.
        interrupted: Whether the engine stopped because of a signal.
        kubeconfig: Kubeconfig of the Kubernetes provider.
        inputs: Inputs of the Kubernetes objects in progress, by URN.
    """

    step: Step
    verbose: bool = True
    changes: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    running: dict[str, str] = field(default_factory=dict)
    kubeconfig: str | None = None
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: EngineEvent) -> None:
        """Process one event; called from the reader thread of the Automation API."""
        with self.lock:
            if event.resource_pre_event:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event:
                self._end(event.res_outputs_event.metadata)
            elif event.res_op_failed_event:
                self.running.pop(event.res_op_failed_event.metadata.urn, None)
            elif event.diagnostic_event and event.diagnostic_event.severity == "error":
                self._error(event.diagnostic_event.message, event.diagnostic_event.urn)
            elif event.summary_event:
                self.changes = {str(getattr(k, "value", k)): v for k, v in event.summary_event.resource_changes.items()}

    def _begin(self, metadata: object) -> None:
        op, urn = str(getattr(metadata.op, "value", metadata.op)), metadata.urn  # type: ignore[attr-defined]
        if op != "same":
            self.running[urn] = op
        self._remember(urn, metadata)
        self._describe()

    def _remember(self, urn: str, metadata: object) -> None:
        kind, inputs = metadata.type, getattr(metadata.new, "inputs", None) or {}  # type: ignore[attr-defined]
        if kind == PROVIDER and isinstance(inputs.get("kubeconfig"), str):
            self.kubeconfig = inputs["kubeconfig"]
        elif kind.startswith("kubernetes:"):
            self.inputs[urn] = dict(inputs)

    def _end(self, metadata: object) -> None:
        op, urn = str(getattr(metadata.op, "value", metadata.op)), metadata.urn  # type: ignore[attr-defined]
        self.running.pop(urn, None)
        self.seen[op] += 1
        kind = op.removeprefix("create-").removesuffix("-replacement").removeprefix("delete-").removesuffix("d")
        mark = MARKS.get("replace" if "replace" in op else kind)
        if self.verbose and mark:
            console.print(f"    {mark} {short(urn)}")
        self._describe()

    def _error(self, message: str, urn: str | None) -> None:
        if message.strip() in INTERRUPTED:
            self.interrupted = True
            return
        if message.strip() in VERDICTS or any(consequence in message for consequence in CONSEQUENCES):
            return
        text = f"{short(urn)}: {readable(message)}" if urn else readable(message)
        if UNREADY in message and self.kubeconfig and urn in self.inputs:
            text = "\n    ".join([text, *why(self.kubeconfig, self.inputs[urn])])
        if text not in self.errors:
            self.errors.append(text)

    def _describe(self) -> None:
        waiting = [short(urn) for urn in self.running][:SHOWN_RUNNING]
        more = len(self.running) - len(waiting)
        tail = f" · now {', '.join(waiting)}" + (f" and {more} more" if more > 0 else "") if waiting else ""
        self.step.detail = f"{sum(self.seen.values())} done{tail}"

    @property
    def changed(self) -> int:
        """Number of resources that changed."""
        return sum(count for op, count in self.changes.items() if op != "same")
