"""What of a live object is kept as outputs: everything a program may need, nothing that only churns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from local.plugins.kubernetes.client import Object
from local.plugins.kubernetes.names import group
from local.plugins.kubernetes.paths import put
from local.plugins.protocol.secrets import mark, merge, texts
from local.plugins.protocol.values import UNKNOWN, Json, Properties, Secrets

MANAGER_KEY = "__fieldManager"
VERSION_KEY = "__initialApiVersion"
CHURN = ("managedFields", "resourceVersion", "generation", "selfLink")
"""Metadata that changes by itself."""

CHURN_ANNOTATIONS = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")

_DATA = Path(__file__).parent / "data"
_STATUS: dict[str, list[str]] = yaml.safe_load((_DATA / "status.yaml").read_text())
_UNKNOWN: dict[str, list[str]] = yaml.safe_load((_DATA / "unknown.yaml").read_text())


def trimmed(live: Object) -> Object:
    """Return the object as it goes into outputs."""
    result = {key: value for key, value in live.items() if key != "status"}
    metadata = {key: value for key, value in live["metadata"].items() if key not in CHURN}
    notes = {key: value for key, value in metadata.pop("annotations", {}).items() if key not in CHURN_ANNOTATIONS}
    if notes:
        metadata["annotations"] = notes
    result["metadata"] = metadata
    kept = _STATUS.get(f"{group(live.get('apiVersion', ''))}/{live.get('kind', '')}", [])
    if status := {key: value for key, value in (live.get("status") or {}).items() if key in kept}:
        result["status"] = status
    return result


def outputs(live: Object, inputs: Properties, manager: str) -> tuple[dict[str, Json], Secrets]:
    """Return the outputs of an object and where in them secrets are."""
    value: dict[str, Json] = trimmed(live)
    secrets = merge(inputs.secrets, mark(value, texts(inputs.value, inputs.secrets)))
    secrets = merge(secrets, secret_kind(live.get("kind", ""), live.get("apiVersion", "")))
    value[VERSION_KEY] = live.get("apiVersion", "")
    value[MANAGER_KEY] = manager
    return value, secrets


def predicted(api_version: str, kind: str, inputs: dict[str, Json]) -> dict[str, Json]:
    """Return the outputs of an object yet to be made: its inputs, and unknown what the cluster decides."""
    result: dict[str, Any] = _copy(inputs)
    for path in [*_UNKNOWN["*"], *_UNKNOWN.get(f"{group(api_version)}/{kind}", [])]:
        put(result, path.split("."), UNKNOWN)
    return result


def secret_kind(kind: str, api_version: str) -> Secrets:
    """Return what is always secret of an object: a Secret's values."""
    return {"data": True, "stringData": True} if kind == "Secret" and api_version == "v1" else {}


def _copy(value: Any) -> Any:  # noqa: ANN401 - any part of any object
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
