"""The Job that makes MLflow's logins equal to the settings: repeated, changed, with teams that come and go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.engine.tracking_server import ADMIN, TrackingServer, image_packages, logins, post

QUERY = """
SELECT users.username, roles.workspace, roles.name FROM users
LEFT JOIN user_role_assignments ON user_role_assignments.user_id = users.id
LEFT JOIN roles ON roles.id = user_role_assignments.role_id
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def server(packages: Path, tmp_path: Path) -> Iterator[TrackingServer]:
    made = TrackingServer(tmp_path, packages, "http://127.0.0.1:9")
    yield made
    made.stop()


def held(server: TrackingServer) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(server.folder / "users.db")) as database:
        return {(user, workspace, role) for user, workspace, role in database.execute(QUERY)}


def workspaces(server: TrackingServer) -> set[str]:
    with closing(sqlite3.connect(server.folder / "tracking.db")) as database:
        return {name for (name,) in database.execute("SELECT name FROM workspaces")}


def test_teams_come_change_and_go(server: TrackingServer) -> None:
    one, two = logins("alpha"), logins("alpha", "beta")
    assert "created login alpha-jobs" in server.prepare(one)
    of_alpha = {(login["name"], "alpha", login["role"]) for login in one} | {(ADMIN, None, None)}
    assert held(server) == of_alpha
    assert workspaces(server) == {"default", "alpha"}

    assert "login" not in server.prepare(one), "a second run changes nothing"
    assert "created workspace beta" in server.prepare(two)
    assert held(server) == of_alpha | {(login["name"], "beta", login["role"]) for login in logins("beta")}

    server.start()
    post(server.client("alpha-jobs"), "experiments/create", {"name": "kept"})
    by_hand = {"username": "somebody", "password": "a password by hand"}
    post(server.client(ADMIN), "users/create", by_hand)

    gone = server.prepare(logins("gamma"))
    assert "removed workspace beta" in gone
    assert "kept workspace alpha" in gone
    assert workspaces(server) == {"default", "alpha", "gamma"}
    names = {name for name, _, _ in held(server)}
    assert names == {ADMIN, "somebody", *(login["name"] for login in logins("gamma"))}
    # Verified passwords are kept for a minute; the login itself is gone at once.
    found = server.client("alpha-jobs").post("/api/2.0/mlflow/experiments/search", json={"max_results": 10})
    assert found.status_code in {401, 403, 404} or not found.json().get("experiments")

    server.prepare(logins("alpha", "gamma"))
    answer = server.client("alpha-notebooks").get(
        "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "kept"}
    )
    assert answer.status_code == 200, "a team that comes back finds its data"


def test_another_password_and_role_replace_the_old_ones(server: TrackingServer) -> None:
    server.prepare(logins("alpha"))
    changed = logins("alpha")
    for login in changed:
        if login["name"] == "alpha-jobs":
            login["password"], login["role"] = "a new password of jobs", "reader"
    assert "changed the password of login alpha-jobs" in server.prepare(changed)
    assert ("alpha-jobs", "alpha", "reader") in held(server)
    assert ("alpha-jobs", "alpha", "writer") not in held(server)
    server.start()
    path = "/api/2.0/mlflow/users/current"
    with server.client("alpha-jobs") as old:
        assert old.get(path).status_code == 401
        old.auth = ("alpha-jobs", "a new password of jobs")
        assert old.get(path).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("role", "administrator", "login alpha-jobs has the role 'administrator'; allowed: writer, member, reader"),
        ("name", "beta-jobs", "login beta-jobs of team alpha; allowed: a name that begins with alpha-"),
        ("name", "alpha-serving", "logins that are listed twice: alpha-serving"),
    ],
)
def test_a_wrong_list_ends_before_anything_changes(
    server: TrackingServer, field: str, value: str, message: str
) -> None:
    wrong = logins("alpha")
    next(login for login in wrong if login["name"] == "alpha-jobs")[field] = value
    with pytest.raises(AssertionError, match=message):
        server.prepare(wrong)
    assert not (server.folder / "tracking.db").exists()
