"""What each team gets of Feast: the Secret with the configuration of its client."""

from __future__ import annotations

from components.applications.description import Context
from components.applications.feast.component import Feast
from components.applications.feast.names import CLIENT_SECRET
from components.teams.component import TeamSpace


def declare(context: Context, team: TeamSpace) -> None:
    """Declare the Secret of a team's pods."""
    team.scope.secret(CLIENT_SECRET, context.component(Feast).client_config)
