"""What every call about one object starts from: its kind, place, inputs and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.plugins.kubernetes import names
from local.plugins.kubernetes.client import Object
from local.plugins.kubernetes.outputs import MANAGER_KEY, secret_kind
from local.plugins.kubernetes.paths import dig
from local.plugins.protocol.secrets import merge, redact, texts
from local.plugins.protocol.values import UNKNOWN, Properties


@dataclass(frozen=True)
class Subject:
    """One object, as the program wants it.

    Attributes:
        urn: Of the resource.
        api_version: Of the object.
        kind: Of the object.
        inputs: What the program says.
        manager: Field manager under which it is applied.
        patch: True for the `...Patch` types, which change an object that belongs to somebody else.
    """

    urn: str
    api_version: str
    kind: str
    inputs: Properties
    manager: str
    patch: bool

    @property
    def name(self) -> str:
        """Name of the object; empty while unknown."""
        name = dig(self.inputs.value, "metadata", "name")
        return name if isinstance(name, str) else ""

    @property
    def unknown(self) -> bool:
        """True when an `up` has to be awaited to know everything."""
        return self.inputs.unknown

    def namespace(self, default: str) -> str:
        """Namespace of the object when it has one."""
        space = dig(self.inputs.value, "metadata", "namespace")
        return space if isinstance(space, str) and space else default

    def annotation(self, key: str) -> str:
        """Return an annotation of the inputs, or nothing."""
        value = dig(self.inputs.value, "metadata", "annotations", key)
        return "" if value is None or value is UNKNOWN else str(value)

    def hidden(self) -> frozenset[str]:
        """Texts that may appear nowhere."""
        return texts(self.inputs.value, self.inputs.secrets)

    def safe(self, message: object) -> str:
        """Return a message without the object's secrets."""
        return redact(str(message), self.hidden())

    def ours(self, live: Object) -> bool:
        """Tell whether this very resource applied the live object before."""
        entries = live["metadata"].get("managedFields") or []
        return any(entry.get("manager") == self.manager and entry.get("operation") == "Apply" for entry in entries)


def subject(urn: str, inputs: Properties, state: Mapping[str, Any] | None = None) -> Subject:
    """Read a request.

    Args:
        urn: Of the resource.
        inputs: The program's, or those of the last `up`.
        state: Outputs of the last `up`, which name the field manager once chosen.
    """
    state = state or {}
    api_version, kind = names.version_and_kind(urn, inputs.value, state)
    inputs.secrets = merge(inputs.secrets, secret_kind(kind, api_version))
    chosen = state.get(MANAGER_KEY) or dig(inputs.value, "metadata", "annotations", "pulumi.com/patchFieldManager")
    manager = chosen if isinstance(chosen, str) else names.manager(urn)
    token_kind = names.type_token(urn).rsplit(":", maxsplit=1)[-1]
    return Subject(urn, api_version, kind, inputs, manager, token_kind == f"{kind}Patch")
