"""Carries over a state that the stand-in for the Kubernetes provider wrote, until this checkout used the real one.

The real provider compares the program with the inputs that it keeps in each object's output `__inputs`. The stand-in
kept none: to the real provider every field then looks new, the name among them, and it would replace every object.
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
"""Variable with which the provider takes fields over from another manager."""

Entry = dict[str, Any]


def by_stand_in(entry: Mapping[str, Any]) -> bool:
    """Return whether the stand-in wrote a state's entry of an object."""
    outputs = entry.get("outputs") or {}
    return str(entry["type"]).startswith(OBJECT) and MANAGER in outputs and INPUTS not in outputs


def carried_over(deployment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an exported deployment as the real provider would have written it. Pure.

    Ciphertexts are copied as they are: the engine's key is that of the stack, not of the place in the state.

    Returns:
        None when there is nothing of the stand-in's in it.
    """
    resources = cast("list[Entry]", deployment.get("resources") or [])
    if not any(by_stand_in(entry) for entry in resources):
        return None
    return {**deployment, "resources": [_entry(entry) for entry in resources]}


def _entry(entry: Entry) -> Entry:
    if by_stand_in(entry):
        return {**entry, "outputs": {**entry["outputs"], INPUTS: entry.get("inputs") or {}}}
    if entry["type"] == PROVIDER:
        # The engine loads the provider of a state by its version, and the stand-in's was of no real one.
        mine = {"version": version("pulumi-kubernetes")}
        return {**entry, **{part: {**entry[part], **mine} for part in ("inputs", "outputs") if entry.get(part)}}
    return entry


def environment(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of an update that takes the objects' fields over from their former managers.

    The first update after a carry-over names `FIELD_MANAGER` on every object. Where it changes a value as well, the
    server would refuse: the value is still the former manager's. So does a state of the real provider from before the
    program named one.

    Returns:
        Empty when every object is `FIELD_MANAGER`'s already: then a conflict is somebody else's field, and is told.
    """
    managers = {
        (entry.get("outputs") or {}).get(MANAGER)
        for entry in deployment.get("resources") or []
        if str(entry["type"]).startswith(OBJECT)
    }
    return {FORCE: "true"} if managers - {FIELD_MANAGER, None} else {}
