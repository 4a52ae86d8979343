"""Makes workspaces, roles and logins of a server equal to the list of logins. Safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow.entities import Experiment, ViewType, Workspace
from mlflow.entities.workspace import WorkspaceDeletionMode
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_context import ServerWorkspaceContext

from services.tracking.logins import MANAGED, ROLES, Login, abandoned, differences

LOGGER = logging.getLogger("tracking")


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Stores of MLflow.

    Attributes:
        users: Logins, roles and permissions.
        workspaces: Workspaces.
        tracking: Experiments and runs.
    """

    users: Any
    workspaces: Any
    tracking: Any


def provision(stores: Stores, logins: Sequence[Login]) -> None:
    """Create, change and remove what differs."""
    teams = sorted({login.team for login in logins})
    for team in teams:
        _workspace(stores, team)
    roles = {(team, role): _role(stores.users, team, role) for team in teams for role in ROLES}
    for login in logins:
        _login(stores.users, login, roles)
    _remove_logins(stores.users, logins)
    _remove_workspaces(stores, teams)


def _workspace(stores: Stores, team: str) -> None:
    """Create a workspace and the experiment in which a client logs that names none."""
    if team not in {found.name for found in stores.workspaces.list_workspaces()}:
        stores.workspaces.create_workspace(Workspace(name=team, description=f"Experiments and models of {team}."))
        LOGGER.info("created workspace %s", team)
    with ServerWorkspaceContext(team):
        if stores.tracking.get_experiment_by_name(Experiment.DEFAULT_EXPERIMENT_NAME) is None:
            stores.tracking.create_experiment(Experiment.DEFAULT_EXPERIMENT_NAME)


def _role(users: Any, team: str, name: str) -> Any:  # noqa: ANN401 - classes of MLflow
    try:
        role = users.get_role_by_name(team, name)
    except MlflowException:
        role = users.create_role(name=name, workspace=team, description=MANAGED)
    held = {entry.resource_type: entry for entry in users.list_role_permissions(role.id)}
    found = {kind: entry.permission for kind, entry in held.items()}
    add, change, remove = differences(found, ROLES[name])
    for kind, permission in add.items():
        users.add_role_permission(role.id, kind, "*", permission)
    for kind, permission in change.items():
        users.update_role_permission(held[kind].id, permission)
    for kind in remove:
        users.remove_role_permission(held[kind].id)
    return role


def _login(users: Any, login: Login, roles: Mapping[tuple[str, str], Any]) -> None:  # noqa: ANN401
    if not users.has_user(login.name):
        users.create_user(login.name, login.password)
        LOGGER.info("created login %s", login.name)
    elif not users.authenticate_user(login.name, login.password):
        users.update_user(login.name, password=login.password)
        LOGGER.info("changed the password of login %s", login.name)
    user = users.get_user(login.name)
    if user.is_admin:
        users.update_user(login.name, is_admin=False)
    wanted = roles[login.team, login.role].id
    held = {role.id for role in users.list_user_roles(user.id) if role.description == MANAGED}
    for role in held - {wanted}:
        users.unassign_role_from_user(user.id, role)
    if wanted not in held:
        users.assign_role_to_user(user.id, wanted)


def _remove_logins(users: Any, logins: Sequence[Login]) -> None:  # noqa: ANN401
    held = {
        user.username: [role.workspace for role in roles if role.description == MANAGED]
        for user, roles in users.list_users_with_roles()
    }
    for name in abandoned(held, logins):
        users.delete_user(name)
        LOGGER.info("removed login %s", name)


def _remove_workspaces(stores: Stores, teams: Sequence[str]) -> None:
    """Remove the roles of teams that are gone, and their workspaces if these are empty."""
    managed = {role.workspace for role in stores.users.list_roles() if role.description == MANAGED}
    for name in sorted(managed - set(teams)):
        stores.users.delete_roles_for_workspace(name)
        try:
            _remove_unused_experiment(stores.tracking, name)
            stores.workspaces.delete_workspace(name, mode=WorkspaceDeletionMode.RESTRICT)
        except MlflowException as error:
            LOGGER.warning("kept workspace %s, which only the administrator sees now: %s", name, error.message)
        else:
            LOGGER.info("removed workspace %s", name)


def _remove_unused_experiment(tracking: Any, workspace: str) -> None:  # noqa: ANN401
    """Remove the experiment that every workspace gets, unless somebody used it."""
    with ServerWorkspaceContext(workspace):
        found = tracking.get_experiment_by_name(Experiment.DEFAULT_EXPERIMENT_NAME)
        if found is None:
            return
        place = [found.experiment_id]
        runs = tracking.search_runs(place, "", ViewType.ALL, max_results=1)
        traces, _ = tracking.search_traces(place, max_results=1)
        if not runs and not traces and not tracking.search_logged_models(place, max_results=1):
            tracking.delete_experiment(found.experiment_id)
            tracking._hard_delete_experiment(found.experiment_id)
