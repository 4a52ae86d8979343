"""Completes the inputs: a name where none is given, the namespace where the kind has one."""

from __future__ import annotations

from typing import Any

from local.plugins.kubernetes.names import AUTONAMED, autoname
from local.plugins.kubernetes.paths import dig


def complete(
    urn: str,
    olds: dict[str, Any],
    news: dict[str, Any],
    *,
    previous: str | None,
    namespaced: bool | None,
    namespace: str,
) -> dict[str, Any]:
    """Return the inputs with name and namespace.

    Args:
        urn: Of the resource.
        olds: Inputs of the last `up`; empty for a new object or a replacement.
        news: What the program says.
        previous: Name of the object that is being replaced, if one is.
        namespaced: Whether the kind has a namespace; None when nobody could be asked.
        namespace: Where objects go that name none.
    """
    metadata: dict[str, Any] = dict(news.get("metadata") or {})
    if not metadata.get("name"):
        kept = dig(olds, "metadata", "name")
        if kept and dig(olds, "metadata", "annotations", AUTONAMED) == "true":
            metadata["name"] = kept
        else:
            metadata["name"] = autoname(urn, previous)
        metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
    if namespaced and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    elif namespaced is None and not metadata.get("namespace") and dig(olds, "metadata", "namespace"):
        metadata["namespace"] = dig(olds, "metadata", "namespace")
    elif namespaced is False:
        metadata.pop("namespace", None)
    return {**news, "metadata": metadata}
