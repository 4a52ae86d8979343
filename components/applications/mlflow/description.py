"""Description of MLflow."""

from __future__ import annotations

from components.applications.description import Address, Application, Route
from components.applications.mlflow.names import GRANT, NAMESPACE, PORT, TRACKING_URI, promoter_secret, secret
from components.applications.mlflow.settings import MLflowSection
from components.teams.team import TeamGrant

UPLOAD_SECONDS = 3600
"""Time limit of a request through the Gateway: a file of 5 GB over a line of 12 Mbit/s."""


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
            pages=True,
        ),
    ),
    addresses={"mlflow": Address(path="/mlflow")},
    checks=("mlflow",),
    # Jobs may also read a model's files directly, without the server.
    team_grants=(TeamGrant(identity="jobs", read_only=("models",)),),
    team_environment={"MLFLOW_TRACKING_URI": TRACKING_URI, "MLFLOW_WORKSPACE": "{team}"},
    team_credentials={"mlflow": secret("jobs")},
    withheld_credentials={"mlflow_promoter": promoter_secret("{team}")},
    # MLflow's own; a team's name is the name of its workspace.
    reserved_names=("workspaces", "api", "ajax-api", "static-files"),
    per_team=True,
)
