"""Finds the teams that the settings remove, and asks what becomes of their data before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from client import team_data
from client.platform import Platform
from client.team_data import TeamData
from common.errors import UserError
from common.progress import console
from infra.schema import Settings

Decision = Literal["delete", "keep"]
Decisions = Mapping[str, Decision]
"""What becomes of the data of a removed team, by team."""


def removed_namespaces(outputs: Mapping[str, Any], settings: Settings) -> set[str]:
    """Return the namespaces of the last update in which users worked and that the settings no longer have.

    Outputs of schema 1 name the namespace `models` instead of teams.
    """
    teams = outputs.get("teams")
    before = {team["namespace"] for team in teams.values()} if teams is not None else {"models"}
    return before - {team.namespace for team in settings.described_teams}


def decide_about_data(platform: Platform, teams: Sequence[str], decisions: Decisions) -> None:
    """Delete or keep the data of removed teams as decided; refuse where nothing was decided.

    Args:
        platform: The platform as the last update left it.
        teams: Teams that the settings remove.
        decisions: What becomes of the data of a team.

    Raises:
        UserError: A team has data and nothing was decided about it, or volumes would be lost.
    """
    for team in teams:
        here = replace(platform, team=team)
        data = team_data.found(here) if team_data.exists(here) else None
        if not data:
            continue
        refuse_undecided(platform.stack, team, data, decisions.get(team))
        if decisions[team] == "delete" and data.objects:
            console.print(f"deleted {team_data.delete_objects(here)} objects of team {team}", markup=False)


def refuse_undecided(stack: str, team: str, data: TeamData, decision: str | None) -> None:
    """Refuse to remove a team with data when nothing was decided, or when volumes were to be kept.

    Raises:
        UserError: Says what the team has and how to decide.
    """
    up = f"mlp up --stack {stack}"
    if decision is None:
        raise UserError(
            f"The settings remove team {team}, which has data. What becomes of it?",
            seen=str(data),
            allowed="--delete-data-of: objects and volumes are deleted; --keep-data-of: objects stay in the buckets",
            next_step=f"{up} --delete-data-of {team}, or {up} --keep-data-of {team}",
        )
    if decision == "keep" and data.volumes:
        raise UserError(
            f"The volumes of team {team} cannot be kept, because they go with its namespace.",
            seen=str(data),
            allowed="a team without volumes",
            next_step=f"copy what you need, kubectl -n {team} delete pvc {' '.join(data.volumes)}, then {up}"
            f" --keep-data-of {team}",
        )
