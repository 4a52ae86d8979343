"""Test that a state of the former stand-in for the Kubernetes provider is converted for the real provider."""

from __future__ import annotations

import copy
from importlib.metadata import version
from typing import Any

import pytest

from common.errors import UserError
from infra.state.carry_over import FORCE, carried_over, environment
from infra.state.guards import check_in_program, check_state

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


def entry(name: str, type_: str = "kubernetes:core/v1:ConfigMap", **parts: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:local::mlplatform::{type_}::{name}", "type": type_, **parts}


def of_stand_in() -> dict[str, Any]:
    outputs = {"metadata": {"name": "it", "uid": "1"}, "data": SECRET, "__fieldManager": "pulumi-kubernetes-1234"}
    return {
        "manifest": {"version": "v3"},
        "resources": [
            entry("kubernetes", "pulumi:providers:kubernetes", id="1", inputs={"version": "4.34.2"}, outputs={}),
            entry("it", inputs={"metadata": {"name": "it"}, "stringData": SECRET}, outputs=outputs),
            entry("word", "random:index/randomPassword:RandomPassword", inputs={}, outputs={"result": SECRET}),
        ],
    }


def test_objects_get_their_inputs_and_the_provider_its_version() -> None:
    given = of_stand_in()
    untouched = copy.deepcopy(given)
    carried = carried_over(given)
    assert carried
    assert given == untouched
    provider, it, word = carried["resources"]
    assert provider["inputs"]["version"] == version("pulumi-kubernetes")
    assert it["outputs"] == {**untouched["resources"][1]["outputs"], "__inputs": untouched["resources"][1]["inputs"]}
    assert word == untouched["resources"][2]
    assert carried["manifest"] == untouched["manifest"]


def test_a_state_of_the_real_provider_is_left_alone() -> None:
    carried = carried_over(of_stand_in())
    assert carried
    assert carried_over(carried) is None
    assert carried_over({}) is None


def test_fields_are_taken_over_from_other_managers_and_only_then() -> None:
    carried = carried_over(of_stand_in())
    assert carried
    assert environment(carried) == {FORCE: "true"}
    carried["resources"][1]["outputs"]["__fieldManager"] = "mlplatform"
    assert environment(carried) == {}


def test_a_preview_of_it_is_refused_and_an_update_carries_it_over() -> None:
    with pytest.raises(UserError, match="nothing was touched") as refused:
        check_state("preview", of_stand_in(), "local", local=True)
    assert "mlp up --stack local" in str(refused.value)
    preparation = check_state("up", of_stand_in(), "local", local=True)
    assert preparation.deployment == carried_over(of_stand_in())
    assert preparation.environment == {FORCE: "true"}


def test_plain_pulumi_refuses_it_in_the_program() -> None:
    """The preview of such a state replaces everything, and its update would delete namespaces and volumes."""
    with pytest.raises(UserError, match="nothing was touched"):
        check_in_program(of_stand_in(), "local", dry_run=True, local=True)
    carried = carried_over(of_stand_in())
    assert carried
    check_in_program(carried, "local", dry_run=False, local=True)
