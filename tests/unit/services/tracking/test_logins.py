"""The list of logins, and what follows from it."""

from __future__ import annotations

import json

import pytest

from services.tracking.logins import ROLES, Login, LoginsError, abandoned, differences, parse

JOBS = {"name": "alpha-jobs", "team": "alpha", "role": "writer", "password": "s3same"}


def test_a_list_is_read_and_shows_no_password() -> None:
    (login,) = parse(json.dumps([JOBS]))
    assert (login.name, login.team, login.role, login.password) == ("alpha-jobs", "alpha", "writer", "s3same")
    assert "s3same" not in repr(login)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"role": "owner"}, "role 'owner'; allowed: writer, member, reader, promoter"),
        ({"name": "beta-jobs"}, "a name that begins with alpha-"),
        ({"password": ""}, "texts in name, password, role, team"),
        ({"more": "x"}, "a login with the keys more, name, password, role, team"),
    ],
)
def test_a_wrong_login_is_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(LoginsError, match=message) as error:
        parse(json.dumps([{**JOBS, **change}]))
    assert "s3same" not in str(error.value)


def test_a_login_is_listed_once() -> None:
    with pytest.raises(LoginsError, match="alpha-jobs"):
        parse(json.dumps([JOBS, JOBS]))


def test_logins_of_teams_that_are_gone_are_abandoned_and_no_others() -> None:
    wanted = [Login(name="alpha-jobs", team="alpha", role="writer", password="p")]
    held: dict[str, list[str]] = {
        "alpha-jobs": ["alpha"],
        "alpha-serving": ["alpha"],
        "beta-jobs": ["beta"],
        "somebody": ["alpha"],
        "beta-person": [],
        "admin": [],
    }
    assert abandoned(held, wanted) == ["alpha-serving", "beta-jobs"]


def test_differences_lead_from_one_to_the_other() -> None:
    assert differences({"a": "1", "b": "1", "c": "1"}, {"b": "1", "c": "2", "d": "1"}) == (
        {"d": "1"},
        {"c": "2"},
        ["a"],
    )


def test_no_role_gives_out_rights_or_uses_the_gateway() -> None:
    assert all(rights.get("workspace", "USE") == "USE" for rights in ROLES.values())
    assert {kind for kind, level in ROLES["reader"].items() if level != "READ"} == set()
    for role in ("writer", "member"):
        assert {kind for kind, level in ROLES[role].items() if level == "DENY"} == {
            *("gateway_secret", "gateway_endpoint", "gateway_model_definition", "mcp_server")
        }
