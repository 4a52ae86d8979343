"""The platform's stack `local` on a control plane without nodes: no pod runs, so nothing is awaited."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml

from common import paths
from mlp.engine.events import short
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Outcome, Stack

VALUES = paths.ROOT / "stacks" / "Pulumi.local.yaml"
SKIP = {"pulumi.com/skipAwait": "true"}


def settings() -> dict[str, Any]:
    """Return the committed settings by path (`mlflow.workers`)."""
    found: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in cast("dict[str, Any]", value).items():
                walk(f"{path}.{key}", inner)
        else:
            found[path] = value

    for key, value in yaml.safe_load(VALUES.read_text())["config"].items():
        walk(key.removeprefix("mlplatform:"), value)
    return found


class LocalStack(Stack):
    """The stack `local`, with settings that a test changes."""

    def __init__(self, folder: Path, plane: ControlPlane) -> None:
        self.plane = plane
        super().__init__(folder, "", name="local", project="mlplatform")
        self.configure({})

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Write the committed settings with changes, by path."""
        content = yaml.safe_load(VALUES.read_text())
        for path, value in {"local.kubeconfig": str(self.plane.kubeconfig), **changes}.items():
            first, *rest = path.split(".")
            section, last = content["config"], f"mlplatform:{first}"
            for part in rest:
                section, last = section[last], part
            section[last] = value
        target = self.folder / "Pulumi.local.yaml"
        kept = (yaml.safe_load(target.read_text()) or {}) if target.is_file() else {}
        target.write_text(yaml.safe_dump({**kept, **content}, sort_keys=False))

    @staticmethod
    def program() -> None:
        """Declare the platform without awaiting anything."""
        from infra.program import program

        pulumi.runtime.register_stack_transformation(_unawaited)
        program()


def _unawaited(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    given = cast("Mapping[str, Any]", args.props)
    metadata: Any = given.get("metadata")
    if not args.type_.startswith("kubernetes:") or metadata is None:
        return None
    if isinstance(metadata, Mapping):
        plain = cast("Mapping[str, Any]", metadata)
        changed: Any = {**plain, "annotations": {**(plain.get("annotations") or {}), **SKIP}}
    else:
        changed = copy.copy(metadata)
        changed.annotations = {**(changed.annotations or {}), **SKIP}
    return pulumi.ResourceTransformationResult({**given, "metadata": changed}, args.opts)


def changed(outcome: Outcome) -> dict[str, str]:
    """Return the operations of a preview by `Kind name`, without unchanged resources."""
    found: dict[str, str] = {}
    for event in outcome.events:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            operation = str(getattr(step.op, "value", step.op))
            if operation not in ("same", "read", "refresh"):
                found[short(step.urn)] = operation
    return found


def replaced(outcome: Outcome) -> set[str]:
    """Return the resources that a preview would replace or delete, by `Kind name`."""
    return {name for name, operation in changed(outcome).items() if "replace" in operation or "delete" in operation}
