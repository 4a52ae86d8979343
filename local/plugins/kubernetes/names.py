"""Names and identities: tokens, namespaces, `namespace/name`, names made up where none is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.plugins.kubernetes.client import Object
from local.plugins.protocol.errors import PluginError

AUTONAMED = "pulumi.com/autonamed"
LONGEST = 63
"""Characters of a DNS label, the shortest limit of any kind's name."""

_DATA = Path(__file__).parent / "data"
_CLUSTER_SCOPED: dict[str, list[str]] = yaml.safe_load((_DATA / "cluster_scoped.yaml").read_text())
_BUILTIN: frozenset[str] = frozenset(yaml.safe_load((_DATA / "builtin_groups.yaml").read_text()))


def type_token(urn: str) -> str:
    """Return the resource's own type token from its URN."""
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def resource_name(urn: str) -> str:
    """Return the resource's logical name from its URN."""
    return urn.split("::", 3)[3]


def version_and_kind(urn: str, *values: Mapping[str, Any]) -> tuple[str, str]:
    """Return apiVersion and kind, from the first of `values` that has them, or from the type token.

    Raises:
        PluginError: The type is not a Kubernetes object (a chart, a kustomization...).
    """
    for value in values:
        if isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str):
            return value["apiVersion"], value["kind"]
    _, module, kind = type_token(urn).split(":")
    if module in {"yaml", "yaml/v2", "helm.sh/v3", "helm.sh/v4", "kustomize", "kustomize/v2"}:
        raise PluginError(f"the offline kubernetes plugin has no {type_token(urn)}; declare its objects one by one")
    return module.removeprefix("core/"), kind


def group(api_version: str) -> str:
    """Return the API group; `v1` stands for the core group."""
    return api_version.rpartition("/")[0] or api_version


def namespaced(api_version: str, kind: str) -> bool | None:
    """Tell whether a built-in kind lives in a namespace; None for kinds only a cluster knows."""
    family = group(api_version)
    if family not in _BUILTIN:
        return None
    return kind not in _CLUSTER_SCOPED.get(family, [])


def identity(obj: Object) -> str:
    """Return the Pulumi identity of an object: `namespace/name`, or the name alone."""
    metadata = obj["metadata"]
    space = metadata.get("namespace")
    return f"{space}/{metadata['name']}" if space else metadata["name"]


def parse_identity(text: str) -> tuple[str | None, str]:
    """Return namespace (None when there is none) and name."""
    space, _, name = text.rpartition("/")
    return space or None, name


def manager(urn: str) -> str:
    """Return the field manager of a resource.

    It follows from the URN alone, so that an `up` that was killed between creating an object and
    recording it finds that object to be its own at the next run.
    """
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"


def autoname(urn: str, previous: str | None) -> str:
    """Make up a name; a replacement's differs from its predecessor's.

    The same resource gets the same name again while nothing was recorded, for the reason that
    `manager` gives.
    """
    suffix = hashlib.sha256(f"{urn}\n{previous or ''}".encode()).hexdigest()[:8]
    base = "".join(c if c.isalnum() or c in "-." else "-" for c in resource_name(urn).lower()).strip("-.")
    return f"{base[: LONGEST - len(suffix) - 1]}-{suffix}"
