"""Description of MLflow."""

from __future__ import annotations

from components.applications.description import Address, Application, Route
from components.applications.mlflow.names import CLIENT_SECRET, GRANT, NAMESPACE, PORT, TRACKING_URI
from components.applications.mlflow.settings import MLflowSection
from components.teams.team import TeamGrant

UPLOAD_SECONDS = 600
"""Time limit of a request through the Gateway, for a part of an artifact or a slow upload of a model."""


MLFLOW = Application(
    name="mlflow",
    title="MLflow: tracking server and model registry",
    namespace=NAMESPACE,
    settings=MLflowSection,
    requires=("gateway",),
    images=("mlflow",),
    postgres=("mlflow", "mlflow-auth"),
    grants=(GRANT,),
    routes=(
        Route(
            name="mlflow",
            path="/mlflow",
            service="mlflow",
            port=PORT,
            protection="login",
            timeout_seconds=UPLOAD_SECONDS,
        ),
    ),
    addresses={"mlflow": Address(path="/mlflow")},
    checks=("mlflow",),
    per_team=True,
    # MLflow proxies uploads and downloads of clients; jobs may also read a model's files directly.
    team_grants=(TeamGrant(identity="jobs", read_only=("models",)),),
    team_environment={"MLFLOW_TRACKING_URI": TRACKING_URI},
    team_credentials={"mlflow": CLIENT_SECRET},
)
