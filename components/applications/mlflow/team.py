"""What each team gets of MLflow: a Secret with the login of each of its identities."""

from __future__ import annotations

from components.applications.description import Context
from components.applications.mlflow.component import MLflow
from components.applications.mlflow.names import secret
from components.teams.component import TeamSpace
from components.teams.team import IDENTITIES


def declare(context: Context, team: TeamSpace) -> None:
    """Declare the Secrets; they appear when the server knows the logins."""
    tracking = context.component(MLflow)
    scope = team.scope
    for identity in IDENTITIES:
        scope.secret(
            secret(identity), tracking.client_environment(team.team.name, identity), requires=[tracking.prepared]
        )
