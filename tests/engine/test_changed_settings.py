"""A changed setting updates objects in place: no unnecessary replacement, and pods see their new configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pulumi_kubernetes as k8s
import pytest
import yaml
from pulumi import automation as auto

from artifacts import manifests
from tests.engine.control_plane import control_plane
from tests.engine.local_stack import LocalStack, changed, replaced, settings
from tests.engine.stacks import Outcome

DATA = yaml.safe_load(Path(__file__).with_name("changed_settings.yaml").read_text())
ALONE: dict[str, dict[str, str]] = DATA["replaced"]
OF_PODS = re.compile(r"\.(size|controller|replicas|workers|volume)\b")
POD_OWNERS = ("Deployment", "StatefulSet")


def other(path: str, value: object) -> object:
    """Return another value for a setting; a number or a quantity increases by one."""
    if path in DATA["other"]:
        return DATA["other"][path]
    if isinstance(value, int):
        return value + 1
    number = re.fullmatch(r"(\d+)(\D*)", str(value))
    assert number, f"changed_settings.yaml names no other value for {path}, which is {value}"
    return f"{int(number.group(1)) + 1}{number.group(2)}"


OTHERS = {path: other(path, value) for path, value in settings().items() if path not in DATA["not_changed"]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Run `up` of the committed settings once."""
    manifests.ensure()
    folder = tmp_path_factory.mktemp("changed")
    with control_plane(folder, webhooks=False) as plane:
        found = LocalStack(folder / "stack", plane)
        found.up(found.program)
        yield found


def previewed(stack: LocalStack, changes: dict[str, Any]) -> Outcome:
    stack.configure(changes)
    return stack.preview(stack.program)


def test_the_data_names_only_settings_that_there_are() -> None:
    known = settings().keys()
    assert {*DATA["other"], *ALONE, *DATA["not_changed"], *DATA["unpreviewable"]} <= known


def test_the_same_settings_change_nothing(stack: LocalStack) -> None:
    assert changed(previewed(stack, {})) == {}


def test_settings_that_need_no_replacement_cause_none(stack: LocalStack) -> None:
    """Changes all settings together; if an object is replaced, changes each alone to find the cause."""
    together = {path: value for path, value in OTHERS.items() if path not in {*ALONE, *DATA["unpreviewable"]}}
    shown = previewed(stack, together)
    if replaced(shown):
        found = {path: replaced(previewed(stack, {path: value})) for path, value in together.items()}
        pytest.fail(f"replaced: { {path: names for path, names in found.items() if names} }")
    assert changed(shown), "the settings changed nothing at all"


def test_pods_start_again_where_what_they_read_changes(stack: LocalStack) -> None:
    """Without the pods' own settings, whose change starts new pods anyway."""
    read = {path: value for path, value in OTHERS.items() if not OF_PODS.search(path)}
    shown = previewed(stack, {path: value for path, value in read.items() if path not in DATA["unpreviewable"]})
    assert any(name.startswith(("Secret ", "ConfigMap ")) for name in changed(shown))
    stale = {name: reads for name, reads in unrolled(stack, shown).items() if name not in DATA["reloads"]}
    assert stale == {}, f"changed under running pods: {stale}"


def test_a_setting_replaces_what_it_has_to_and_nothing_else(stack: LocalStack) -> None:
    found = {path: replaced(previewed(stack, {path: OTHERS[path]})) for path in ALONE}
    assert found == {path: set(names) for path, names in ALONE.items()}


def test_without_mutable_secrets_a_setting_would_replace(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows that the tests above can fail, and the purpose of the provider's two settings."""
    made: Any = k8s.Provider

    def immutable(name: str, **arguments: Any) -> k8s.Provider:
        changed: dict[str, Any] = {**arguments, "enable_config_map_mutable": False, "enable_secret_mutable": False}
        return made(name, **changed)

    monkeypatch.setattr("components.kubernetes.provider.k8s.Provider", immutable)
    found = replaced(previewed(stack, {"feast.registry_refresh_seconds": 61}))
    assert {"Secret feast-config", "Deployment feast"} <= found


@pytest.mark.parametrize("path", DATA["unpreviewable"])
def test_a_preview_that_the_server_refuses_is_known(stack: LocalStack, path: str) -> None:
    with pytest.raises(auto.CommandError, match=DATA["unpreviewable"][path]):
        previewed(stack, {path: OTHERS[path]})


def unrolled(stack: LocalStack, shown: Outcome) -> dict[str, list[str]]:
    """Return the workloads that do not change although a Secret or ConfigMap that they read changes."""
    operations = changed(shown)
    entries = [entry for entry in stack.resources().values() if entry.get("inputs")]
    moved = {
        (entry["inputs"]["kind"], entry["id"])
        for entry in entries
        if f"{entry['inputs'].get('kind')} {entry['urn'].split('::')[-1]}" in operations
    }
    found: dict[str, list[str]] = {}
    for entry in entries:
        inputs: dict[str, Any] = entry["inputs"]
        name = f"{inputs.get('kind')} {entry['urn'].split('::')[-1]}"
        if inputs.get("kind") in POD_OWNERS and name not in operations:
            space = inputs["metadata"]["namespace"]
            if reads := [
                kind for kind, read in read_by(inputs["spec"]["template"]) if (kind, f"{space}/{read}") in moved
            ]:
                found[name] = reads
    return found


def read_by(part: object) -> Iterator[tuple[str, str]]:
    """Yield the Secrets and ConfigMaps in a pod template, as kind and name."""
    if isinstance(part, list):
        for item in cast("list[object]", part):
            yield from read_by(item)
    if not isinstance(part, dict):
        return
    for key, value in cast("dict[str, Any]", part).items():
        if key in ("secretRef", "secretKeyRef"):
            yield "Secret", value["name"]
        elif key in ("configMapRef", "configMapKeyRef", "configMap") and "name" in value:
            yield "ConfigMap", value["name"]
        elif key == "secret" and "secretName" in value:
            yield "Secret", value["secretName"]
        else:
            yield from read_by(value)
