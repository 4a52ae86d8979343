"""Names, ports, grants and logins that MLflow's description and components share."""

from __future__ import annotations

from collections.abc import Mapping

from components.substrates.requests import Grant

NAMESPACE = "mlflow"
PORT = 5000
TRACKING_URI = f"http://mlflow.{NAMESPACE}.svc:{PORT}"
"""Address of the server inside the cluster."""

CLIENT_SECRET = "mlflow-client"  # noqa: S105 - a name
"""Secret with MLflow's address and the login of jobs, in the namespace of a team."""

GRANT = Grant(application="mlflow", namespace=NAMESPACE, service_account="mlflow", read_write=("models",))

ROLES: Mapping[str, str] = {
    "pipeline-runner": "writer",
    "jobs": "writer",
    "notebooks": "member",
    "serving": "reader",
    "promoter": "promoter",
}
"""Role of each login of a team (services/tracking/roles.yaml), by the identity that uses it.

All but the promoter are ServiceAccounts of the team. No pod of the team has the promoter's password.
"""

PROMOTER = "promoter"


def login(team: str, identity: str) -> str:
    """Return the name of the login of an identity."""
    return f"{team}-{identity}"


def secret(identity: str) -> str:
    """Return the name of the Secret with an identity's login, in the team's namespace."""
    return CLIENT_SECRET if identity == "jobs" else f"mlflow-{identity}"


def promoter_secret(team: str) -> str:
    """Return the name of the Secret with the promoter's login, in MLflow's namespace."""
    return f"mlflow-{team}-{PROMOTER}"
