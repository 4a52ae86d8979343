"""Test the whole program of each stack, with upstream's objects, against mocks."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest
from declared import Declared, declare
from pod_rules import violations
from stack_programs import STACKS, config, made

from common import paths
from components.applications.catalog import APPLICATIONS
from infra.outputs import PlatformOutputs
from infra.program import program

CONTROLLERS = {
    "Deployment/gateway/Deployment/envoy-gateway-system/envoy-gateway",
    "Deployment/kserve/Deployment/kserve/kserve-controller-manager",
    "Job/gateway/Job/envoy-gateway-system/envoy-gateway-certgen",
    "Deployment/cluster-autoscaler/Deployment/kube-system/cluster-autoscaler",
    "Deployment/ml-pipeline",
    "Deployment/ml-pipeline-persistenceagent",
    "Deployment/ml-pipeline-scheduledworkflow",
    "Deployment/workflow-controller",
}
"""Pods that use the Kubernetes API."""


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def declared(stack: str) -> Declared:
    return made(stack)


def test_every_pod_keeps_the_rules_upstreams_included(declared: Declared) -> None:
    assert len(list(declared.pods())) >= 10
    assert violations(declared, CONTROLLERS) == []


def test_later_previews_equal_the_first(declared: Declared, stack: str) -> None:
    """Nothing is declared inside an `apply`, and nothing depends on values that only a running cluster has."""
    assert made(stack, preview=True).resources.keys() == declared.resources.keys()


OURS = re.compile(
    r"(mlplatform\.local|[0-9]{12}\.dkr\.ecr\.eu-central-1\.amazonaws\.com/mlplatform-[a-z]+)/[a-z0-9-]+:[0-9a-f]{12}"
)
UPSTREAMS = {"Deployment/cluster-autoscaler/Deployment/kube-system/cluster-autoscaler"}
"""Pods whose images are upstream's own."""


def test_every_image_is_pinned_and_ours(declared: Declared) -> None:
    for name, pod in declared.pods():
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            if name not in UPSTREAMS:
                assert OURS.fullmatch(container["image"]), name


def test_resources_are_few_enough_for_a_quick_preview(declared: Declared, stack: str) -> None:
    """Time and state grow with the number of resources; CRDs, by far the largest, are declared as bundles."""
    assert len(declared.resources) < (250 if stack == "local" else 600)
    assert not declared.of_kind("CustomResourceDefinition")


def test_the_output_is_a_document_without_secrets(declared: Declared, stack: str) -> None:
    assert declared.outputs.keys() == {"platform"}
    exported: dict[str, Any] = dict(declared.outputs["platform"])
    assert "password-of" not in json.dumps(exported)
    exported["schema_version"] = exported.pop("schema")
    found = PlatformOutputs.model_validate(exported)
    assert found.environment == stack
    assert set(found.urls) == {name for item in APPLICATIONS for name in item.addresses}
    assert found.urls["serving"] == f"{found.urls['gateway']}/serving"
    assert found.teams.keys() == {found.default_team} == {"data-science"}
    assert set(found.buckets) == {"raw", "features", "pipelines", "models"}


def test_credentials_in_the_output_lead_to_declared_secrets(declared: Declared) -> None:
    secrets = [inputs for (kind, _), inputs in declared.resources.items() if kind == "kubernetes:core/v1:Secret"]
    names = {(secret["metadata"]["namespace"], secret["metadata"]["name"]) for secret in secrets}
    exported = declared.outputs["platform"]
    own = [reference for team in exported["teams"].values() for reference in team["credentials"].values()]
    assert len(own) >= 3
    for reference in [*exported["credentials"].values(), *own]:
        assert (reference["namespace"], reference["secret"]) in names


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_a_registry_moves_every_image(stack: str) -> None:
    moved = declare(program, stack=stack, config={**config(stack), "mlplatform:registry": "registry.example.com/ml/"})
    for name, pod in moved.pods():
        for container in pod["containers"]:
            assert container["image"].startswith("registry.example.com/ml/"), name


def test_the_entry_point_of_the_plain_cli_runs_the_program() -> None:
    text = (Path(paths.ROOT) / "infra" / "__main__.py").read_text()
    assert "paced(program)()" in text


def test_what_a_user_can_correct_is_told_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".pulumi" / "stacks" / "mlplatform" / "dev.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"checkpoint": {"latest": {"resources": [{"type": "random:index/randomPet:RandomPet"}]}}}')
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    with pytest.raises(pulumi.RunError, match="written by another program"):
        runpy.run_path(str(paths.ROOT / "infra" / "__main__.py"))
