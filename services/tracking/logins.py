"""The logins that should exist, and the changes that make a server's logins equal to them. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MANAGED = "Rights that the platform's settings own."
"""Description of the roles that this program makes; it changes and removes no others."""

ROLES: Mapping[str, Mapping[str, str]] = yaml.safe_load(Path(__file__).with_name("roles.yaml").read_text())
"""Permission by type of resource, by role."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A login of a team.

    Attributes:
        name: Its name, which begins with the team's name.
        team: The team, also the name of its workspace.
        role: One of ROLES.
        password: Its password.
    """

    name: str
    team: str
    role: str
    password: str = field(repr=False)


class LoginsError(Exception):
    """The list of logins is wrong; the text says which and what is allowed."""


def parse(text: str) -> list[Login]:
    """Return the logins of a JSON list of objects with the keys `name`, `team`, `role` and `password`.

    Raises:
        LoginsError: A login is incomplete, has an unknown role, or is listed twice.
    """
    logins: list[Login] = []
    for entry in json.loads(text):
        logins.append(_login(entry))
    names = [login.name for login in logins]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LoginsError(f"logins that are listed twice: {', '.join(twice)}")
    return logins


def _login(entry: dict[str, Any]) -> Login:
    wanted = {"name", "team", "role", "password"}
    if set(entry) != wanted or not all(isinstance(value, str) and value for value in entry.values()):
        raise LoginsError(
            f"a login with the keys {', '.join(sorted(entry))}; allowed: texts in {', '.join(sorted(wanted))}"
        )
    login = Login(**entry)
    if login.role not in ROLES:
        raise LoginsError(f"login {login.name} has the role {login.role!r}; allowed: {', '.join(ROLES)}")
    if not login.name.startswith(f"{login.team}-"):
        raise LoginsError(f"login {login.name} of team {login.team}; allowed: a name that begins with {login.team}-")
    return login


def abandoned(held: Mapping[str, Collection[str]], logins: Sequence[Login]) -> list[str]:
    """Return the logins to remove: those that the settings no longer have.

    Args:
        held: Workspaces in which a login holds a role of MANAGED, by login.
        logins: The logins that should exist.
    """
    wanted = {login.name for login in logins}
    return sorted(
        name
        for name, workspaces in held.items()
        if name not in wanted and any(name.startswith(f"{workspace}-") for workspace in workspaces)
    )


def differences(
    found: Mapping[str, str], wanted: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return what to add, what to change and what to remove so that `found` equals `wanted`."""
    add = {name: value for name, value in wanted.items() if name not in found}
    change = {name: value for name, value in wanted.items() if name in found and found[name] != value}
    return add, change, sorted(set(found) - set(wanted))
