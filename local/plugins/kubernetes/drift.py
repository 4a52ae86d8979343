"""Finds drift exactly: the server records who set each field, so no value has to be compared with its default.

A field we still own has the value we gave it, in whatever spelling; one that was changed or removed by
another has left our set (`metadata.managedFields`, FieldsV1). Pure.
"""

from __future__ import annotations

import json
from typing import Any

from local.plugins.kubernetes.client import Object
from local.plugins.protocol.values import Json

Fields = dict[str, Any]
KEYS = ("apiVersion", "kind")


def owned(live: Object, manager: str) -> Fields | None:
    """Return the set of fields that `manager` applied, or None when it applied none."""
    for entry in live["metadata"].get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return None


def refreshed(inputs: dict[str, Any], live: Object, manager: str) -> dict[str, Any]:
    """Return the inputs as the cluster now has them: unchanged where no field drifted."""
    fields = owned(live, manager) or {}
    result: dict[str, Any] = {}
    for key, value in inputs.items():
        if key in KEYS or key.startswith("__") or key == "status":
            result[key] = value
        elif key == "metadata":
            result[key] = _metadata(value, live["metadata"], fields.get("f:metadata", {}))
        elif key == "stringData" and live.get("kind") == "Secret":
            result |= _string_data(value, live, fields.get("f:data", {}))
        else:
            kept = _value(value, live.get(key), fields.get(f"f:{key}"))
            if kept is not None:
                result[key] = kept
    return result


def _metadata(value: dict[str, Any], live: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """Names never drift; labels and annotations do."""
    result = dict(value)
    for key in ("labels", "annotations", "finalizers", "ownerReferences"):
        if key in value:
            kept = _value(value[key], live.get(key), fields.get(f"f:{key}"))
            if kept is None:
                result.pop(key)
            else:
                result[key] = kept
    return result


def _string_data(value: dict[str, Any], live: Object, fields: Fields) -> dict[str, Any]:
    """Plain texts stay while their coded forms are ours; what drifted shows as `data`."""
    data = live.get("data") or {}
    same = {key: text for key, text in value.items() if f"f:{key}" in fields}
    drifted = {key: data[key] for key in value if key not in same and key in data}
    return {"stringData": same} | ({"data": drifted} if drifted else {})


def _value(value: Json, live: Json, fields: Fields | None) -> Json:
    if fields is None:
        return value if _covers(live, value) else live
    if not fields or (set(fields) == {"."} and not isinstance(value, dict) and not isinstance(value, list)):
        return value
    if isinstance(value, dict):
        inside = live if isinstance(live, dict) else {}
        result = {key: _value(item, inside.get(key), fields.get(f"f:{key}")) for key, item in value.items()}
        return {key: item for key, item in result.items() if item is not None}
    if isinstance(value, list):
        items = live if isinstance(live, list) else []
        return [kept for item in value if (kept := _item(item, items, fields)) is not None]
    return value


def _item(item: Json, live: list[Json], fields: Fields) -> Json:
    """Return a list's item as it now is: found by its keys, or by its value in a set."""
    if not isinstance(item, dict):
        return item if f"v:{json.dumps(item)}" in fields or item in live else None
    for name, inner in fields.items():
        if name.startswith("k:"):
            keys = json.loads(name[2:])
            if all(item.get(key, wanted) == wanted for key, wanted in keys.items()):
                now = next((it for it in live if isinstance(it, dict) and _has(it, keys)), None)
                return _value(item, now, inner)
    return item if any(_covers(it, item) for it in live) else None


def _has(item: dict[str, Any], keys: dict[str, Any]) -> bool:
    return all(item.get(key) == wanted for key, wanted in keys.items())


def _covers(live: Json, value: Json) -> bool:
    """Tell whether `live` has everything that `value` asks for."""
    if isinstance(value, dict):
        return isinstance(live, dict) and all(_covers(live.get(key), item) for key, item in value.items())
    if isinstance(value, list):
        return isinstance(live, list) and len(live) == len(value) and all(map(_covers, live, value))
    if value in (0, False, "") and live is None:
        return True  # the server leaves empty values out
    return live == value or str(live) == str(value)
