"""Test which teams the settings accept, and how others are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from common import paths
from common.errors import UserError
from infra import settings
from infra.schema import Settings

QUOTA = {"cpu": "2", "memory": "8Gi", "volumes": "20Gi"}
LOCAL = yaml.safe_load((paths.ROOT / "stacks" / "Pulumi.local.yaml").read_text())["config"]


def parsed(teams: object, **more: object) -> Settings:
    """Return the local stack's settings with other teams."""
    values: dict[str, Any] = {**settings.own_values(LOCAL), "default_team": None, "teams": teams, **more}
    return settings.parse(values, stack="local")


def refused(teams: object, **more: object) -> str:
    with pytest.raises(UserError) as caught:
        parsed(teams, **more)
    assert "edit stacks/Pulumi.local.yaml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["ab", "data-science", "x9", "t" * 30])
def test_a_team_is_a_line_with_a_name_and_a_quota(name: str) -> None:
    (team,) = parsed({name: {"quota": QUOTA}}).described_teams
    assert (team.namespace, team.prefix, team.quota.gpu, team.members) == (name, f"{name}/", 0, ())


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("Red", "2 to 30 lower-case letters"),
        ("r", "2 to 30"),
        ("workspaces", "a name with a meaning in application mlflow"),
        ("9red", "begins with a letter"),
        ("red-", "ends with no hyphen"),
        ("r" * 31, "2 to 30"),
        ("red_1", "lower-case letters, digits and hyphens"),
        ("kube-red", "reserves"),
        ("default", "a namespace of the cluster"),
        ("data", "a namespace of the cluster or the substrate"),
        ("external-dns", "a namespace of the cluster or the substrate"),
        ("kubeflow", "the namespace of application pipelines"),
        ("mlflow", "application mlflow"),
        ("pipelines", "the name of application pipelines"),
    ],
)
def test_a_name_that_clashes_is_refused_with_the_clash(name: str, allowed: str) -> None:
    message = refused({name: {"quota": QUOTA}, "blue": {"quota": QUOTA}})
    assert f"Setting mlplatform:teams.{name} of stack local is invalid." in message
    assert allowed in message


def test_the_namespace_of_an_application_that_is_off_is_taken_too() -> None:
    """Otherwise the application could not be turned on again."""
    assert "application kserve" in refused({"kserve": {"quota": QUOTA}}, platform={"applications": {"kserve": False}})


def test_no_name_ends_another_one() -> None:
    message = refused({"science": {"quota": QUOTA}, "data-science": {"quota": QUOTA}})
    assert "mlplatform:teams.science" in message
    assert "data-science ends with science" in message


@pytest.mark.parametrize("teams", [{}, None, ["red"], "red"])
def test_there_is_at_least_one_team(teams: object) -> None:
    message = refused(teams)
    assert "mlplatform:teams" in message
    assert "at least one team" in message or "a mapping of keys to values" in message


@pytest.mark.parametrize(
    ("quota", "key", "allowed"),
    [
        ({"cpu": "-1"}, "quota.cpu", "match pattern"),
        ({"cpu": "8Gi"}, "quota.cpu", "match pattern"),
        ({"cpu": 8}, "quota.cpu", "valid string"),
        ({"cpu": "0"}, "quota.cpu", "at least 50m, which is defaults.cpu"),
        ({"memory": "lots"}, "quota.memory", "match pattern"),
        ({"memory": "8"}, "quota.memory", "match pattern"),
        ({"memory": "1Gi"}, "quota.memory", "at least 2Gi, which is defaults.memory_limit"),
        ({"gpu": -1}, "quota.gpu", "greater than or equal to 0"),
        ({"gpu": "1"}, "quota.gpu", "integer"),
        ({"volumes": "-1Gi"}, "quota.volumes", "match pattern"),
        ({"storage": "1Gi"}, "quota.storage", "cpu, gpu, memory, volumes"),
    ],
)
def test_a_wrong_quota_is_refused_by_its_key(quota: dict[str, object], key: str, allowed: str) -> None:
    message = refused({"red": {"quota": {**QUOTA, **quota}}})
    assert f"mlplatform:teams.red.{key}" in message
    assert allowed in message


def test_a_missing_quota_is_named() -> None:
    assert "mlplatform:teams.red.quota" in refused({"red": {}})
    assert "mlplatform:teams.red.quota.memory" in refused({"red": {"quota": {"cpu": "2", "volumes": "1Gi"}}})


@pytest.mark.parametrize(("members", "allowed"), [(["ann", "ann"], "listed twice"), (["ann", " "], "not ' '")])
def test_members_are_names(members: list[str], allowed: str) -> None:
    assert allowed in refused({"red": {"quota": QUOTA, "members": members}})
    assert parsed({"red": {"quota": QUOTA, "members": ["ann", "group:x"]}}).described_teams[0].members == (
        "ann",
        "group:x",
    )


def test_the_default_team_comes_first_whatever_the_order_of_the_file() -> None:
    """The engine passes the keys of a mapping sorted, so their order in the file means nothing."""
    teams = {"red": {"quota": QUOTA}, "blue": {"quota": QUOTA}, "green": {"quota": QUOTA}}
    assert [team.name for team in parsed(teams).described_teams] == ["blue", "green", "red"]
    assert [team.name for team in parsed(teams, default_team="red").described_teams] == ["red", "blue", "green"]
    assert "a team of `teams`: red, blue, green" in refused(teams, default_team="grey")
