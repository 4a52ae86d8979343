"""Which URL an object has: group, version and kind to path, asked once per group version."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import quote

from local.plugins.kubernetes.client import ApiError, Client


class UnknownKind(Exception):
    """The cluster does not serve this kind (yet)."""


@dataclass(frozen=True)
class ResourceType:
    """How a kind is addressed.

    Attributes:
        root: `/api/v1` or `/apis/GROUP/VERSION`.
        plural: Last part of its collection's URL.
        namespaced: True when its objects live in namespaces.
    """

    root: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str | None) -> str:
        """Return the URL path of all objects, in one namespace when there is one."""
        if self.namespaced and namespace:
            return f"{self.root}/namespaces/{quote(namespace)}/{self.plural}"
        return f"{self.root}/{self.plural}"

    def path(self, namespace: str | None, name: str) -> str:
        """Return the URL path of one object."""
        return f"{self.collection(namespace)}/{quote(name)}"


class Discovery:
    """Asks the API server what it serves; remembers what it serves, never what it does not."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], ResourceType] = {}
        self._lock = threading.Lock()

    def find(self, api_version: str, kind: str) -> ResourceType:
        """Return how `kind` is addressed.

        Raises:
            UnknownKind: The cluster does not serve it.
            Unreachable: The cluster does not answer.
        """
        found = self._known.get((api_version, kind))
        if found is None:
            with self._lock:
                found = self._known.get((api_version, kind)) or self._ask(api_version, kind)
        return found

    def _ask(self, api_version: str, kind: str) -> ResourceType:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self._client.get(root)
        except ApiError as error:
            if error.status == 404:
                raise UnknownKind(f"the cluster serves no {api_version}") from None
            raise
        for entry in listed.get("resources", []):
            if "/" not in entry["name"]:
                known = ResourceType(root, entry["name"], bool(entry["namespaced"]))
                self._known[(api_version, entry["kind"])] = known
        try:
            return self._known[(api_version, kind)]
        except KeyError:
            raise UnknownKind(f"the cluster serves no {kind} in {api_version}") from None
