"""`eval "$(mlp env)"` in a separate checkout: plain `pulumi` plans the same as `mlp`, and git sees no change."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from artifacts import manifests
from common import paths
from tests.engine.checkout import Checkout

AUTOMATION = """
import json, sys
from mlp.engine.workspace import open_stack
events = []
open_stack("local", writes=False).preview(on_event=events.append, parallel=24, color="never")
steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
def inputs(step):
    return dict(step.new.inputs) if step.new and step.new.inputs else {}
steps = [step for step in steps if "::default" not in step.urn]  # the engine's own providers are in no digest
found = {step.urn: [getattr(step.op, "value", step.op), step.type, inputs(step)] for step in steps}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    manifests.ensure()
    return Checkout(tmp_path_factory.mktemp("checkout"))


def equal(one: Any, other: Any) -> bool:
    """Compare values; for a structure with secrets, one form shows where they are and the other hides the whole."""
    if "[secret]" in (one, other):
        return hidden(one) and hidden(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def hidden(value: Any) -> bool:
    """Tell whether no part of a value can be read."""
    if isinstance(value, dict):
        return value.get("ciphertext") == "[secret]" or all(map(hidden, value.values()))
    if isinstance(value, list):
        return all(map(hidden, value))
    return value == "[secret]"


def test_plans_are_the_same_resource_by_resource_and_git_sees_no_change(checkout: Checkout) -> None:
    output = checkout.plain("pulumi preview --json 2> warnings")
    assert (checkout.folder / "warnings").read_text() == ""
    (checkout.folder / "warnings").unlink()
    assert checkout.changes() == ""
    digest = json.loads(output)
    assert not [entry for entry in digest.get("diagnostics") or [] if entry["severity"] != "info"]
    plain = {
        step["urn"]: [step["op"], step["newState"]["type"], step["newState"].get("inputs") or {}]
        for step in digest["steps"]
    }
    assert len(plain) > 150
    automation = json.loads(checkout.shell(f"{sys.executable} - <<'EOF'\n{AUTOMATION}\nEOF").splitlines()[-1])
    assert set(plain) == set(automation)
    for urn, step in plain.items():
        assert equal(step, automation[urn]), f"{urn}: {step} != {automation[urn]}"
    assert checkout.changes() == ""


def test_the_salt_is_in_the_file_and_in_no_commit(checkout: Checkout) -> None:
    checkout.plain("pulumi stack --show-name")
    file = checkout.folder / "stacks" / "Pulumi.local.yaml"
    salt = yaml.safe_load(file.read_text())["encryptionsalt"]
    assert checkout.changes() == ""

    # A lost salt is restored from the state; a changed setting is the only change that git sees.
    checkout.shell("rm stacks/Pulumi.local.yaml && git checkout --quiet stacks/Pulumi.local.yaml")
    checkout.plain("pulumi stack --show-name")
    assert yaml.safe_load(file.read_text())["encryptionsalt"] == salt
    checkout.shell("sed -i 's/registry_refresh_seconds: 60/registry_refresh_seconds: 90/' stacks/Pulumi.local.yaml")
    difference = checkout.shell("git diff -U0 stacks")
    assert "registry_refresh_seconds: 90" in difference
    assert "encryptionsalt" not in difference
    checkout.shell("git checkout --quiet stacks/Pulumi.local.yaml")


def test_another_passphrase_is_refused_by_both(checkout: Checkout, tmp_path: Path) -> None:
    checkout.plain("pulumi stack --show-name")
    wrong = {"PULUMI_CONFIG_PASSPHRASE": "another"}
    assert "incorrect passphrase" in checkout.plain("pulumi up --yes --skip-preview 2>&1", fails=True, **wrong)
    output = checkout.shell(f"{sys.executable} -m mlp.cli preview 2>&1", fails=True, **wrong)
    assert "encrypted with another passphrase; nothing was touched" in output
    assert "Traceback" not in output
    absent = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "absent")}
    output = checkout.shell(f"{sys.executable} -m mlp.cli env 2>&1", fails=True, **absent)
    assert str(tmp_path / "absent") in output
    assert "next:" in output


def test_the_state_of_another_program_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Pulumi.yaml").write_text(
        f"name: mlplatform\nruntime: {{name: python, options: {{virtualenv: {paths.VENV}}}}}\n"
    )
    (other / "__main__.py").write_text("import pulumi_random as random\nrandom.RandomPet('pet')\n")
    state = tmp_path / "state"
    state.mkdir()
    variables = {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": "theirs"}
    checkout.plain(f"cd {other} && pulumi up --yes --skip-preview --stack local", **variables)
    before = sorted(path.read_bytes() for path in state.rglob("local.json"))
    for command in ("env", "preview", "destroy --yes"):
        output = checkout.shell(f"{sys.executable} -m mlp.cli {command} 2>&1", fails=True, **variables)
        assert "written by another program; nothing was touched" in output
        assert "random:index/randomPet:RandomPet" in output
        assert "Traceback" not in output
    assert sorted(path.read_bytes() for path in state.rglob("local.json")) == before


def test_a_user_s_own_pulumi_is_used(checkout: Checkout, tmp_path: Path) -> None:
    """The user's CLI is recognized by its location; an old one is refused, and skipped on request."""
    own = tmp_path / "own" / "pulumi"
    own.parent.mkdir()
    own.write_text(
        '#!/bin/sh\n[ "$1" = version ] && { echo v3.400.0; exit; }\necho their own Pulumi: "$@" >&2; exit 3\n'
    )
    own.chmod(0o755)
    variables = {
        "PATH": f"{own.parent}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": "https://example.invalid",
    }
    printed = checkout.shell(f"{sys.executable} -m mlp.cli env 2> /dev/null", **variables)
    assert "PULUMI_HOME" not in printed
    assert "PULUMI_IGNORE_AMBIENT_PLUGINS" not in printed
    assert "their own Pulumi: preview" in checkout.plain("pulumi preview 2>&1", fails=True, **variables)
    assert "PULUMI_HOME" in checkout.shell(
        f"{sys.executable} -m mlp.cli env 2> /dev/null", MLP_PULUMI="built", **variables
    )
    own.write_text("#!/bin/sh\necho v3.1.0\n")
    output = checkout.shell(f"{sys.executable} -m mlp.cli env 2>&1", fails=True, **variables)
    assert "too old" in output
    assert "v3.1.0" in output
