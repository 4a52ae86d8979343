"""Removing a team asks what becomes of its data, before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from client import team_data
from client.platform import Platform
from client.team_data import TeamData
from common.errors import UserError
from infra.settings import load_stack, stack_file
from mlp.commands.up import decisions
from mlp.engine.removed_teams import decide_about_data, removed_namespaces

SETTINGS = load_stack(stack_file("local"))
OUTPUTS: dict[str, Any] = {"teams": {name: {"namespace": name} for name in ("data-science", "red")}}
PLATFORM = Platform("local", OUTPUTS, "data-science")
NOTHING = TeamData(objects=0, size=0, volumes=())
OBJECTS = TeamData(objects=3, size=2**20, volumes=())
VOLUMES = replace(OBJECTS, volumes=("cache",))


def test_a_removed_team_and_the_namespace_of_earlier_versions_go() -> None:
    assert removed_namespaces(OUTPUTS, SETTINGS) == {"red"}
    assert removed_namespaces({"schema": 1, "namespaces": {"models": "models"}}, SETTINGS) == {"models"}
    assert removed_namespaces({"teams": {"data-science": {"namespace": "data-science"}}}, SETTINGS) == set()


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Teams whose objects were deleted."""
    teams: list[str] = []

    def exists(_: Platform) -> bool:
        return True

    def delete(platform: Platform) -> int:
        teams.append(platform.team)
        return 3

    monkeypatch.setattr(team_data, "exists", exists)
    monkeypatch.setattr(team_data, "delete_objects", delete)
    return teams


def having(monkeypatch: pytest.MonkeyPatch, data: TeamData) -> None:
    def found(_: Platform) -> TeamData:
        return data

    monkeypatch.setattr(team_data, "found", found)


def test_a_team_without_data_goes_without_a_question(monkeypatch: pytest.MonkeyPatch, deleted: list[str]) -> None:
    having(monkeypatch, NOTHING)
    decide_about_data(PLATFORM, ["red"], {})
    assert deleted == []


@pytest.mark.parametrize("data", [OBJECTS, VOLUMES])
def test_without_a_decision_nothing_is_touched(
    monkeypatch: pytest.MonkeyPatch, deleted: list[str], data: TeamData
) -> None:
    having(monkeypatch, data)
    with pytest.raises(UserError, match="What becomes of it") as refused:
        decide_about_data(PLATFORM, ["red"], {})
    for part in ("team red", "3 objects (1.0 MiB)", "--delete-data-of red", "--keep-data-of red"):
        assert part in str(refused.value)
    assert deleted == []


@pytest.mark.parametrize(("decision", "expected"), [("delete", ["red"]), ("keep", [])])
def test_the_decision_is_carried_out(
    monkeypatch: pytest.MonkeyPatch, deleted: list[str], decision: Any, expected: list[str]
) -> None:
    having(monkeypatch, OBJECTS)
    decide_about_data(PLATFORM, ["red"], {"red": decision})
    assert deleted == expected


def test_volumes_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, deleted: list[str]) -> None:
    having(monkeypatch, VOLUMES)
    with pytest.raises(UserError, match="delete pvc cache"):
        decide_about_data(PLATFORM, ["red"], {"red": "keep"})
    decide_about_data(PLATFORM, ["red"], {"red": "delete"})
    assert deleted == ["red"]


@pytest.mark.parametrize(("delete", "keep"), [(["data-science"], []), ([], ["data-science"]), (["red"], ["red"])])
def test_a_decision_about_a_team_that_stays_and_a_double_one_are_refused(delete: list[str], keep: list[str]) -> None:
    with pytest.raises(UserError, match="can be decided once"):
        decisions(SETTINGS, delete, keep)


def test_decisions_by_team() -> None:
    assert decisions(SETTINGS, ["red"], ["blue"]) == {"red": "delete", "blue": "keep"}
