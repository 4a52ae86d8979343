"""Names, ports and grants that Feast's description and component share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "feast"
PORT = 6566

GRANT = Grant(application="feast", namespace=NAMESPACE, service_account="materialization", read_only=("features",))
