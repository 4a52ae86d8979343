"""Converts a state that the stand-in for the Kubernetes provider wrote into one of the real provider.

Earlier versions of this project used the stand-in. The real provider compares the program with the inputs that it
keeps in each object's output `__inputs`. The stand-in did not write that output. The real provider would then take
every field for a change, the name included, and replace every object.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, cast

from components.kubernetes.provider import FIELD_MANAGER

PROVIDER = "pulumi:providers:kubernetes"
OBJECT = "kubernetes:"
INPUTS, MANAGER = "__inputs", "__fieldManager"

FORCE = "PULUMI_K8S_ENABLE_PATCH_FORCE"
"""Variable that makes the provider take fields over from another field manager."""

Entry = dict[str, Any]


def by_stand_in(entry: Mapping[str, Any]) -> bool:
    """Tell whether the stand-in wrote the state's entry of an object."""
    outputs = entry.get("outputs") or {}
    return str(entry["type"]).startswith(OBJECT) and MANAGER in outputs and INPUTS not in outputs


def carried_over(deployment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an exported deployment as the real provider would have written it; None when no conversion is needed.

    Pure. Ciphertexts are copied unchanged: the engine encrypts with one key for the whole stack.
    """
    resources = cast("list[Entry]", deployment.get("resources") or [])
    if not any(by_stand_in(entry) for entry in resources):
        return None
    return {**deployment, "resources": [_entry(entry) for entry in resources]}


def _entry(entry: Entry) -> Entry:
    if by_stand_in(entry):
        return {**entry, "outputs": {**entry["outputs"], INPUTS: entry.get("inputs") or {}}}
    if entry["type"] == PROVIDER:
        # The engine loads the provider by the version in the state; the stand-in wrote a version that does not exist.
        mine = {"version": version("pulumi-kubernetes")}
        return {**entry, **{part: {**entry[part], **mine} for part in ("inputs", "outputs") if entry.get(part)}}
    return entry


def environment(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of an update that takes fields over from the former field managers of the objects.

    The first update after a conversion sets `FIELD_MANAGER` on every object. The API server would refuse to change a
    value that still belongs to the former manager. The same holds for states of the real provider from before the
    program set a field manager.

    Returns:
        Empty when every object already has `FIELD_MANAGER`: a conflict is then a real one and must be reported.
    """
    managers = {
        (entry.get("outputs") or {}).get(MANAGER)
        for entry in deployment.get("resources") or []
        if str(entry["type"]).startswith(OBJECT)
    }
    return {FORCE: "true"} if managers - {FIELD_MANAGER, None} else {}
