"""Exceptions, profiles, the report and the command."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from operator import itemgetter, methodcaller
from pathlib import Path

import pytest
import typer
from policy_world import Plant, planted, world
from pydantic import ValidationError
from rich.console import Console

from mlp.commands import policy as policy_command
from policy import exceptions, render
from policy import report as reports
from policy.exceptions import Exemption, exemptions
from policy.model import UNKNOWN, NotKnown, Stack
from policy.profiles import profile, profiles
from policy.rules import all_rules

REASON = "A made-up reason of a believable length."
PLANT = Plant("rds-encrypted", "Instance/db", ["storageEncrypted"], False, frozenset())


def exemption(**changed: object) -> Exemption:
    fields = {"rule": "rds-encrypted", "resource": "Instance/db", "stacks": ("prod",), "reason": REASON}
    return Exemption.model_validate({**fields, **changed})


def text(found: reports.Report) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(reports.tables(found))
    return out.getvalue()


def test_a_violation_fails_the_report_and_shows_in_it() -> None:
    found = reports.report(planted(PLANT), entries=[])
    assert not found.passed
    [violation] = reports.document(found)["violations"]
    assert violation["subject"] == "Instance/db"
    assert violation["severity"] == "high"
    shown = text(found)
    for part in ("Instance/db", "storageEncrypted is False", "set storageEncrypted and kmsKeyId"):
        assert part in shown


def test_an_exception_excuses_what_it_names_with_its_reason() -> None:
    found = reports.report(planted(PLANT), entries=[exemption()])
    assert found.passed
    assert reports.document(found)["exceptions"][0]["reason"] == REASON
    assert REASON in text(found)


@pytest.mark.parametrize(
    "changed",
    [{"rule": "redis-encrypted"}, {"resource": "Instance/other"}, {"stacks": ("dev",)}, {"resource": "Instance"}],
)
def test_an_exception_excuses_nothing_else(changed: dict[str, object]) -> None:
    found = reports.report(planted(PLANT), entries=[exemption(**changed)])
    assert [item.rule.id for item in found.judged.violations] == ["rds-encrypted"]


def test_an_exception_that_excuses_nothing_fails() -> None:
    found = reports.report(world(), entries=[exemption()])
    assert not found.passed
    assert "matches no finding in stack prod" in text(found)


def test_an_exception_of_another_stack_is_not_missed_here() -> None:
    assert reports.report(world(), entries=[exemption(stacks=("dev",))]).passed


def test_patterns_know_the_asterisk_alone() -> None:
    assert exemption(resource="*/db").excuses(reports.report(planted(PLANT), entries=[]).judged.violations[0], "prod")
    assert exceptions.escaped("a[0]?*") == "a[[]0][?]*"


@pytest.mark.parametrize("changed", [{"reason": "because"}, {"stacks": ()}, {"why": REASON}])
def test_an_exception_without_reason_or_stacks_is_refused(changed: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "exceptions.yaml"
    file.write_text(json.dumps([{**exemption().model_dump(mode="json"), **changed}]))
    with pytest.raises(ValidationError):
        exemptions(file)


def test_a_stack_of_another_name_is_held_to_prods_demands() -> None:
    assert profile("somebodys-own") == profiles()["prod"]


def test_what_is_not_known_can_be_passed_on_but_not_looked_into() -> None:
    assert UNKNOWN
    for look in (iter, len, methodcaller("items"), methodcaller("__lt__", 1), itemgetter(0)):
        with pytest.raises(NotKnown):
            look(UNKNOWN)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_the_command_ends_with_status_one_on_a_violation(
    broken: bool, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = replace(planted(PLANT) if broken else world(), name="of-a-test")
    monkeypatch.setattr(render, "render_stack", {"prod": stack}.__getitem__)
    monkeypatch.setattr(policy_command, "_prepare", str)
    if broken:
        with pytest.raises(typer.Exit) as ended:
            policy_command.command("prod", as_json=as_json, rules=False)
        assert ended.value.exit_code == 1
    else:
        policy_command.command("prod", as_json=as_json, rules=False)
    if as_json:
        assert json.loads(capsys.readouterr().out)["passed"] is not broken


def test_the_command_lists_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    policy_command.command("prod", as_json=False, rules=True)
    shown = capsys.readouterr().out
    assert all(rule.id in shown for rule in all_rules())


def test_rendering_marks_secrets_and_records_options() -> None:
    """Uses its own program, so that the content of the stacks does not matter."""
    import pulumi
    import pulumi_random as random

    def program() -> None:
        password = random.RandomPassword("login", length=8)
        random.RandomPet(
            "kept",
            prefix=pulumi.Output.secret("made-up"),
            keepers={"login": password.result, "plain": "text"},
            opts=pulumi.ResourceOptions(protect=True),
        )

    stack: Stack = render.render("prod", program, {})
    found = {item.name: item for item in stack.resources}
    assert found["kept"].protect
    assert not found["login"].protect
    assert type(found["kept"].at("prefix")).__name__ == "SecretText"
    assert type(found["kept"].at("keepers", "plain")).__name__ == "str"


def test_made_up_attributes_look_like_a_providers() -> None:
    identity, made = render.outputs("aws:s3/bucket:Bucket", "data", {"bucket": "mlplatform-data"})
    assert (identity, made["arn"]) == ("mlplatform-data", "arn:aws:s3:::mlplatform-data")
    identity, made = render.outputs("aws:ec2/vpc:Vpc", "network", {})
    assert identity == "vpc-network"
    assert made["arn"].startswith("arn:aws:ec2:")
    _, made = render.outputs("aws:eks/cluster:Cluster", "c", {"name": "c", "vpcConfig": {"subnetIds": ["a"]}})
    assert made["vpcConfig"] == {"subnetIds": ["a"], "clusterSecurityGroupId": "sg-cluster-c"}
