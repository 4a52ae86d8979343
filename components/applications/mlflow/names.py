"""Names, ports and requests of MLflow that its description and its component share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "mlflow"
PORT = 5000

GRANT = Grant(application="mlflow", namespace=NAMESPACE, service_account="mlflow", read_write=("models",))
