"""The cluster behind the provider: connected at first use, doubted once in a preview."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from local.plugins.kubernetes.client import ApiError, Client, Unreachable
from local.plugins.kubernetes.discovery import Discovery, ResourceType, UnknownKind
from local.plugins.kubernetes.kubeconfig import load
from local.plugins.kubernetes.names import namespaced
from local.plugins.kubernetes.settings import Settings
from local.plugins.protocol.errors import PluginError

DOUBT_SECONDS = 15.0
"""How long a preview believes that a silent cluster stays silent."""

KIND_SECONDS = 30.0
"""How long an `up` waits for a kind to be served: definitions are established before every server knows them."""


@dataclass(frozen=True)
class Connection:
    """A client and what it knows about the cluster."""

    client: Client
    discovery: Discovery


class Cluster:
    """Connects when first asked, from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._answered = False
        self._silent_until = 0.0

    def connection(self) -> Connection:
        """Return the connection.

        Raises:
            PluginError: The kubeconfig is missing or wrong.
        """
        with self._lock:
            if self._connection is None:
                if not self.settings.known:
                    raise PluginError("the kubeconfig is not known yet")
                endpoint = load(self.settings.kubeconfig, self.settings.context, self.settings.cluster)
                client = Client(endpoint)
                self._connection = Connection(client, Discovery(client))
            return self._connection

    def if_it_answers(self) -> Connection | None:
        """Return the connection, or None when there is no cluster (yet): a preview goes on without."""
        if not self._answered and time.monotonic() < self._silent_until:
            return None
        try:
            found = self.connection()
            if not self._answered:
                found.client.get("/version")
                self._answered = True
        except (PluginError, Unreachable, OSError):
            self._silent_until = time.monotonic() + DOUBT_SECONDS
            return None
        except ApiError:
            self._answered = True
        return self._connection

    def namespace(self) -> str:
        """Return where objects go that name no namespace: the provider's, then the context's."""
        if self.settings.namespace:
            return self.settings.namespace
        try:
            return self.connection().client.endpoint.namespace
        except (PluginError, OSError):
            return "default"

    def is_namespaced(self, api_version: str, kind: str) -> bool | None:
        """Tell whether a kind lives in namespaces; None when only a cluster that does not answer knows."""
        known = namespaced(api_version, kind)
        if known is not None:
            return known
        found = self.if_it_answers()
        try:
            return found.discovery.find(api_version, kind).namespaced if found else None
        except (UnknownKind, Unreachable, ApiError):
            return None

    def await_kind(self, api_version: str, kind: str, cancelled: threading.Event) -> ResourceType:
        """Return how a kind is addressed, giving a new definition the time to be served.

        Raises:
            PluginError: It is not served in the end.
            Unreachable: The cluster did not answer.
        """
        deadline, delay = time.monotonic() + KIND_SECONDS, 0.1
        while True:
            try:
                return self.connection().discovery.find(api_version, kind)
            except (UnknownKind, Unreachable) as error:
                if cancelled.is_set() or time.monotonic() + delay > deadline:
                    if isinstance(error, Unreachable):
                        raise
                    raise PluginError(f"{error}; install its custom resource definition first") from None
            cancelled.wait(delay)
            delay = min(delay * 1.6, 2.0)
