"""Reading `status.conditions`."""

from __future__ import annotations

from local.plugins.kubernetes.client import Object


def condition(obj: Object, type_: str) -> dict[str, str]:
    """Return the condition of that type, or an empty one."""
    for entry in (obj.get("status") or {}).get("conditions") or []:
        if isinstance(entry, dict) and entry.get("type") == type_:
            return entry
    return {}


def observed(obj: Object) -> bool:
    """Tell whether the controller has seen the newest spec."""
    seen = (obj.get("status") or {}).get("observedGeneration")
    return isinstance(seen, int) and seen >= obj["metadata"].get("generation", 0)


def explained(entry: dict[str, str]) -> str:
    """Return a condition as `Type=Status (Reason: message)`."""
    detail = ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
    return f"{entry.get('type')}={entry.get('status')}" + (f" ({detail})" if detail else "")
