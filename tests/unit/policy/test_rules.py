"""Every rule finds its planted violations and nothing else; a correct stack has no finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from policy_world import Plant, planted, plants, world

from policy.model import UNKNOWN, Finding, Stack
from policy.rules import all_rules

PLANTS = plants()


def findings(stack: Stack) -> list[Finding]:
    return [finding for rule in all_rules() for finding in rule.problems(stack)]


def shown(found: list[Finding]) -> list[str]:
    return [f"{item.rule.id}: {item.subject}: {item.message}" for item in found]


@pytest.mark.parametrize("stack", ["local", "dev", "staging", "prod", "anything-else"])
def test_a_stack_that_is_right_breaks_no_rule(stack: str) -> None:
    assert shown(findings(world(stack))) == []


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule.id for rule in all_rules()} - {plant.rule for plant in PLANTS} == set()


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_violation_is_found_by_its_rule_alone(plant: Plant) -> None:
    found = findings(planted(plant))
    mine = [item for item in found if item.rule.id == plant.rule]
    assert len({item.resource.urn for item in mine}) == 1, shown(found)
    assert {item.rule.id for item in found} == {plant.rule} | plant.also, shown(found)


def test_rules_say_what_they_guard_and_what_to_do() -> None:
    for rule in all_rules():
        assert rule.id == rule.id.lower()
        assert len(rule.title) > 15
        assert len(rule.remedy) > 10, rule.id
        assert rule.check.__doc__, rule.id


def test_environments_demand_less_than_prod() -> None:
    """Requirements of prod only do not apply to dev."""
    stack = world()
    changed = [replace(item, protect=False) for item in stack.resources]
    assert {item.rule.id for item in findings(replace(stack, resources=changed))} == {"data-protected"}
    assert findings(replace(world("dev"), resources=changed)) == []


def test_what_a_preview_cannot_know_is_no_violation() -> None:
    """No rule reports or fails on an unknown value."""
    for number, item in enumerate(world().resources):
        for key in item.inputs:
            if key in {"apiVersion", "kind"}:
                continue
            resources = list(world().resources)
            resources[number] = replace(item, inputs={**item.inputs, key: UNKNOWN})
            found = findings(replace(world(), resources=resources))
            assert shown(found) == [], f"{item.kind}.{key}"
