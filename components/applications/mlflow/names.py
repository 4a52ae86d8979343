"""Names, ports and grants that MLflow's description and component share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "mlflow"
PORT = 5000
TRACKING_URI = f"http://mlflow.{NAMESPACE}.svc:{PORT}"
"""Address of the server inside the cluster."""

CLIENT_SECRET = "mlflow-client"  # noqa: S105 - a name
"""Secret with MLflow's address and a login, in the namespace of every client."""

GRANT = Grant(application="mlflow", namespace=NAMESPACE, service_account="mlflow", read_write=("models",))
