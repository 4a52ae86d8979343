"""What each team gets of MLflow: the Secret with its address and login."""

from __future__ import annotations

from components.applications.description import Context
from components.applications.mlflow.component import MLflow
from components.applications.mlflow.names import CLIENT_SECRET
from components.teams.component import TeamSpace


def declare(context: Context, team: TeamSpace) -> None:
    """Declare the Secret of a team's pods."""
    team.scope.secret(CLIENT_SECRET, context.component(MLflow).client_environment())
