"""Names, ports and grants that MLflow's description and component share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "mlflow"
PORT = 5000

GRANT = Grant(application="mlflow", namespace=NAMESPACE, service_account="mlflow", read_write=("models",))
