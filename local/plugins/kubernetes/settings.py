"""The provider's own configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.plugins.kubernetes.kubeconfig import server_of
from local.plugins.protocol.values import UNKNOWN

IDENTIFIER = "clusterIdentifier"
CONNECTION = ("kubeconfig", "context", "cluster")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How objects are handled.

    Attributes:
        kubeconfig: Path or content; None to look where kubectl looks.
        context: Context of the kubeconfig.
        cluster: Cluster of the kubeconfig.
        namespace: Namespace of objects that name none.
        known: False in a preview in which the kubeconfig is yet to be computed.
        patch_force: Take fields over from any manager.
        upsert: Take objects over that exist already.
        delete_unreachable: Forget objects of a cluster that does not answer.
        skip_update_unreachable: Keep the state of such objects at a refresh.
        suppress_deprecations: Do not pass on the server's warnings.
    """

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    known: bool = True
    patch_force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecations: bool = False


def read(values: Mapping[str, Any]) -> Settings:
    """Read the provider's inputs; booleans arrive as JSON text."""
    known = all(values.get(key) is not UNKNOWN for key in CONNECTION)

    def text(key: str) -> str | None:
        value = values.get(key)
        return value if isinstance(value, str) and value else None

    def flag(key: str, variable: str | None = None) -> bool:
        value = values.get(key)
        if value is None and variable:
            value = os.environ.get(variable)
        return str(value).lower() in {"true", "1"}

    return Settings(
        kubeconfig=text("kubeconfig"),
        context=text("context"),
        cluster=text("cluster"),
        namespace=text("namespace"),
        known=known,
        patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
        upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
        delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
        skip_update_unreachable=flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
        suppress_deprecations=flag("suppressDeprecationWarnings", "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"),
    )


def config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Compare two configurations; return the keys that changed and those that mean another cluster.

    With `clusterIdentifier` in both, it alone decides; otherwise the server's URL and authority do.
    """
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    before, after = old.get(IDENTIFIER), new.get(IDENTIFIER)
    if before is not None and after is not None:
        return changed, [IDENTIFIER] if before != after else []
    touched = [key for key in changed if key in CONNECTION]
    if not touched or any(new.get(key) is UNKNOWN for key in CONNECTION):
        return changed, []
    servers = [server_of(*(_text(values.get(key)) for key in CONNECTION)) for values in (old, new)]
    return changed, touched if None not in servers and servers[0] != servers[1] else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict) else None
