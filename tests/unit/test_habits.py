"""Test the files that steer contributions: workflows, hooks, templates, changelog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from common import paths

WORKFLOWS = sorted((paths.ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((paths.ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MAKEFILE = (paths.ROOT / "Makefile").read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true; it stays unused here.
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_actions_by_commit_and_only_read(path: Path) -> None:
    workflow = read(path)
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job and job["timeout-minutes"] <= 30 for job in workflow["jobs"].values())
    assert "secrets." not in path.read_text(encoding="utf-8")
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_pull_request_runs_check_and_builds_the_site() -> None:
    commands = {step["run"] for path in WORKFLOWS for step in steps(read(path)) if "run" in step}
    assert {"make check", "make docs"} <= commands


def test_hooks_are_local_and_call_targets_that_exist() -> None:
    settings = read(paths.ROOT / ".pre-commit-config.yaml")
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    hooks = settings["repos"][0]["hooks"]
    assert {tuple(hook["stages"]): hook["entry"] for hook in hooks} == {
        ("pre-commit",): "make quick",
        ("pre-push",): "make check",
    }
    for hook in hooks:
        assert re.search(rf"^{hook['entry'].removeprefix('make ')}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_templates_are_forms(path: Path) -> None:
    form = read(path)
    assert form["name"]
    assert form["description"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_the_changelog_has_an_unreleased_section_of_known_kinds() -> None:
    lines = (paths.ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert "## [Unreleased]" in lines
    kinds = [line.removeprefix("### ") for line in lines if line.startswith("### ")]
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
