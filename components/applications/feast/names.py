"""Names, ports and grants that Feast's description and component share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "feast"
PORT = 6566
PROJECT = "mlplatform"
FOLDER = "/etc/feast"
"""Folder in which every client mounts the Secret `feast-config`."""

CONFIG_PATH = f"{FOLDER}/feature_store.yaml"
URL = f"http://feast.{NAMESPACE}.svc:{PORT}"
"""Address of the feature server inside the cluster."""

CLIENT_SECRET = "feast-config"  # noqa: S105 - a name
"""Secret with `feature_store.yaml` and the files that it refers to, in the namespace of every client."""

GRANT = Grant(application="feast", namespace=NAMESPACE, service_account="materialization", read_only=("features",))
