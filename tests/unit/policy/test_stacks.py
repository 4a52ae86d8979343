"""The repository's stacks keep the rules; their exceptions are needed and have reasons."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from artifacts import manifests
from common import paths
from policy.exceptions import exemptions
from policy.model import UNKNOWN, Data, Stack
from policy.profiles import profiles
from policy.render import render_stack
from policy.report import document, report
from policy.rules import all_rules
from policy.rules.tags import untaggable
from policy.support import table

STACKS = sorted(path.name.split(".")[1] for path in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"))


TODAY = max(row.read for rows in table().values() for row in rows.values())
"""Last day on which the ends of support were compared; the passing of time fails `mlp policy` only, not a test."""


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    manifests.ensure()
    return replace(render_stack(request.param), today=TODAY)


def test_every_stack_has_a_profile_of_its_own() -> None:
    assert set(STACKS) == set(profiles())


def test_the_stack_keeps_the_rules(stack: Stack) -> None:
    found = document(report(stack))
    assert found["violations"] == [], json.dumps(found["violations"], indent=1)
    assert found["unused_exceptions"] == []
    assert found["passed"]


def test_a_first_preview_breaks_no_rule_either() -> None:
    """The policy pack sees a stack like this, without most ids, ARNs and addresses."""
    manifests.ensure()
    first = replace(render_stack("prod", made=False), today=TODAY)
    assert sum(is_unknown(item.inputs) for item in first.resources) > 100
    assert document(report(first))["violations"] == []


def is_unknown(value: Data) -> bool:
    if isinstance(value, Mapping):
        return any(map(is_unknown, value.values()))
    return any(map(is_unknown, value)) if isinstance(value, list) else value is UNKNOWN


def test_rules_have_something_to_look_at(stack: Stack) -> None:
    """A rule about a type that is in no stack could stop working unnoticed."""
    seen = {rule.area for rule in all_rules() if any(True for _ in stack.of(*rule.types))}
    assert len(stack.resources) > 80
    assert len(seen) >= (12 if stack.profile.cloud else 6)


def test_untaggable_types_are_those_without_tags(stack: Stack) -> None:
    for kind in {item.type for item in stack.resources if item.type.startswith("aws:")}:
        module, _, name = kind.split(":")[1].partition("/")
        file = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)
        declared = (
            Path(str(importlib.import_module(f"pulumi_aws.{module}").__file__)).with_name(f"{file}.py").read_text()
        )
        assert ("tags_all" in declared) != (kind in untaggable()), kind


def test_exceptions_name_rules_and_stacks_that_exist() -> None:
    known = {rule.id for rule in all_rules()}
    for entry in exemptions():
        assert entry.rule in known
        assert set(entry.stacks) <= set(STACKS)
