"""Test stack files: which are accepted, and how others are refused."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from common import paths
from common.errors import UserError
from infra import settings
from infra.schema import SETTINGS

LOCAL = paths.ROOT / "stacks" / "Pulumi.local.yaml"


@pytest.fixture
def values() -> dict[str, Any]:
    return settings.own_values(yaml.safe_load(LOCAL.read_text())["config"])


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        settings.parse(values, stack="local")
    return str(caught.value)


def test_every_committed_stack_is_valid() -> None:
    found = sorted((paths.ROOT / "stacks").glob("Pulumi.*.yaml"))
    assert found
    for path in found:
        assert settings.load_stack(path).environment == path.name.split(".")[1]


def test_the_local_budgets_are_those_promised(values: dict[str, Any]) -> None:
    budgets = settings.parse(values, stack="local").budgets
    assert (budgets.feature_ms, budgets.predict_ms, budgets.total_ms) == (10, 50, 100)


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def apply(values: dict[str, Any]) -> None:
        *sections, key = path.split(".")
        for section in sections:
            values = values[section]
        values[key] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "mlflow.replcas",
            2,
            ["mlplatform:mlflow.replcas", "2, an unknown key", "hosts, protected_aliases, replicas, size, workers"],
        ),
        ("colour", "red", ["mlplatform:colour", "'red', an unknown key", "mlflow"]),
        ("mlflow.replicas", "two", ["mlplatform:mlflow.replicas", "'two'", "integer"]),
        ("mlflow.replicas", True, ["mlplatform:mlflow.replicas", "True", "integer"]),
        ("mlflow.replicas", 0, ["mlplatform:mlflow.replicas", "0", "greater than or equal to 1"]),
        ("mlflow.size.memory", "lots", ["mlplatform:mlflow.size.memory", "'lots'", "match pattern"]),
        ("mlflow.size.memory", "8Gi", ["mlplatform:mlflow.size", "memory of at most memory_limit", "8Gi is more than"]),
        ("local.gateway_cluster_ip", "nowhere", ["mlplatform:local.gateway_cluster_ip", "'nowhere'", "IPv4"]),
        ("local.redis.max_memory_mib", 300, ["mlplatform:local.redis", "at most 240", "it is 300"]),
        ("substrate", "azure", ["mlplatform:substrate", "'azure'", "'local'"]),
        ("environment", "Prod!", ["mlplatform:environment", "'Prod!'", "pattern"]),
        ("feast.materialization.schedule", "hourly", ["mlplatform:feast.materialization.schedule", "'hourly'"]),
        ("budgets.feature_ms", 200, ["mlplatform:budgets", "feature_ms of at most total_ms", "200 is more than 100"]),
        ("budgets", None, ["mlplatform:budgets", "None", "a mapping of keys to values"]),
        ("mlflow", "yes", ["mlplatform:mlflow", "'yes'", "a mapping of keys to values"]),
        ("platform", {"applications": ["mlflow"]}, ["mlplatform:platform.applications", "a mapping of keys to values"]),
        ("local", None, ["mlplatform:local", "nothing", "a section, because substrate is local"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    values: dict[str, Any], path: str, value: object, expected: list[str]
) -> None:
    change(path, value)(values)
    message = refused(values)
    for part in expected:
        assert part in message
    assert "edit stacks/Pulumi.local.yaml" in message
    assert len(message.splitlines()) <= 4


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("aws.node_groups.system.lowest", "capacity, gpu, initial, instance_types"),
        ("aws.network.zones.eu-central-1a.open", "database, private, public"),
        ("aws.network.areas", "cidr, "),
    ],
)
def test_an_unknown_key_inside_a_map_is_named_with_the_known_ones(path: str, allowed: str) -> None:
    values = settings.own_values(yaml.safe_load((paths.ROOT / "stacks" / "Pulumi.dev.yaml").read_text())["config"])
    change(path, 1)(values)
    with pytest.raises(UserError, match=allowed) as caught:
        settings.parse(values, stack="dev")
    assert f"Setting mlplatform:{path} of stack dev is invalid." in str(caught.value)
    assert "1, an unknown key" in str(caught.value)


def test_a_missing_section_is_named(values: dict[str, Any]) -> None:
    del values["mlflow"]
    assert "Setting mlplatform:mlflow of stack local is invalid." in refused(values)


def test_all_missing_sections_are_named_in_one_message(values: dict[str, Any]) -> None:
    for section in ("mlflow", "feast", "local", "budgets"):
        del values[section]
    change("gateway.replicas", 0)(values)
    message = refused(values)
    assert "5 settings of stack local are invalid" in message
    for told in (
        "mlplatform:mlflow: nothing (allowed: a section, because application mlflow is on)",
        "mlplatform:feast: nothing (allowed: a section, because application feast is on)",
        "mlplatform:local: nothing (allowed: a section, because substrate is local)",
        "mlplatform:budgets: nothing (allowed: a value; the setting has no default)",
        "mlplatform:gateway.replicas: 0",
    ):
        assert told in message


def test_all_requirements_that_are_off_are_named_in_one_message(values: dict[str, Any]) -> None:
    values["platform"] = {"applications": {"mlflow": False, "feast": False}}
    message = refused(values)
    assert "2 settings of stack local are invalid" in message
    for name in ("mlflow", "feast"):
        told = "false (allowed: true, or turn off what requires it: kserve, pipelines)"
        assert f"mlplatform:platform.applications.{name}: {told}" in message


def test_a_missing_section_of_the_substrate_shows_no_other_value(values: dict[str, Any]) -> None:
    del values["local"]
    message = refused(values)
    assert "seen:    nothing" in message
    assert "mlflow" not in message


def test_the_program_explains_that_it_needs_an_engine() -> None:
    done = subprocess.run([sys.executable, "-m", "infra"], check=False, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "runs only inside of Pulumi's engine" in done.stderr
    assert "next:    mlp preview --stack local" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_problems_come_in_one_message(values: dict[str, Any]) -> None:
    change("mlflow.replicas", 0)(values)
    change("colour", "red")(values)
    message = refused(values)
    assert "2 settings of stack local are invalid" in message
    assert "mlplatform:mlflow.replicas" in message
    assert "mlplatform:colour" in message


def test_settings_cannot_be_changed(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.parse(values, stack="local").environment = "prod"  # type: ignore[misc]


def write(folder: Path, text: str) -> Path:
    path = folder / "Pulumi.odd.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config: [", "not valid YAML"),
        ("- a", "has no settings"),
        ("config: 3", "has no settings"),
        ("confg: {}\nconfig: {}", "Pulumi does not know"),
    ],
)
def test_a_file_that_is_no_stack_file_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        settings.load_stack(write(tmp_path, text))


def test_keys_of_providers_are_left_alone(tmp_path: Path) -> None:
    content = yaml.safe_load(LOCAL.read_text())
    content["config"]["aws:region"] = "eu-central-1"
    assert settings.load_stack(write(tmp_path, yaml.safe_dump(content))).environment == "local"


def test_the_engine_sees_the_same_settings_as_the_file(values: dict[str, Any]) -> None:
    """Pulumi passes structures as JSON text and every scalar as text."""
    engine = {f"mlplatform:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    pulumi.runtime.set_all_config(engine)
    from_engine = settings.from_pulumi()
    assert from_engine == settings.load_stack(LOCAL)


def test_an_unknown_key_is_refused_by_the_program_as_well(values: dict[str, Any]) -> None:
    engine = {f"mlplatform:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    pulumi.runtime.set_all_config({**engine, "mlplatform:colour": "red"})
    with pytest.raises(UserError, match="mlplatform:colour"):
        settings.from_pulumi()


def test_every_field_may_be_set(values: dict[str, Any]) -> None:
    """Guard `known_keys`, which must find the section of every key of the committed file."""

    def walk(node: dict[str, Any], location: tuple[str, ...]) -> None:
        if location != ("teams",):  # a map, whose keys are names
            assert set(node) <= set(settings.known_keys(location))
        for key, item in node.items():
            if isinstance(item, dict):
                walk(item, (*location, key))

    walk(copy.deepcopy(values), ())
    assert settings.known_keys(()) == sorted(SETTINGS.model_fields)
