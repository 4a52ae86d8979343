"""Logins of the teams: a random password for each, and what clients and the server get of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.applications.mlflow import names
from components.kubernetes.objects import password

EXPERIMENT = "Default"
"""Experiment in which a client logs that names none; MLflow's own default one belongs to no team."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A login of a team.

    Attributes:
        name: Its name.
        team: The team, which is also the name of its workspace.
        role: Its role in the workspace.
        password: Its password, a secret.
    """

    name: str
    team: str
    role: str
    password: pulumi.Output[str]


def declare(teams: Sequence[str], opts: pulumi.ResourceOptions) -> dict[tuple[str, str], Login]:
    """Declare a password for every identity of every team; return the logins by team and identity."""
    return {
        (team, identity): Login(
            name=names.login(team, identity),
            team=team,
            role=role,
            password=password(f"mlflow-{names.login(team, identity)}", opts),
        )
        for team in teams
        for identity, role in names.ROLES.items()
    }


def client_environment(login: Login) -> dict[str, pulumi.Input[str]]:
    """Return the variables with which MLflow's client uses the login and sees its workspace."""
    return {
        "MLFLOW_TRACKING_URI": names.TRACKING_URI,
        "MLFLOW_TRACKING_USERNAME": login.name,
        "MLFLOW_TRACKING_PASSWORD": login.password,
        "MLFLOW_WORKSPACE": login.team,
        "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
    }


def document(logins: Sequence[Login]) -> pulumi.Output[str]:
    """Return the list of logins for `python -m services.tracking`, a secret."""
    plain = [{"name": login.name, "team": login.team, "role": login.role} for login in logins]

    def filled(passwords: Sequence[str]) -> str:
        return json.dumps([{**entry, "password": word} for entry, word in zip(plain, passwords, strict=True)])

    return pulumi.Output.secret(pulumi.Output.all(*(login.password for login in logins)).apply(filled))


def key(logins: Mapping[tuple[str, str], Login]) -> list[list[str]]:
    """Return what the logins are, without their passwords; a change of it needs a new Job."""
    return sorted([login.name, login.role] for login in logins.values())
