"""The reference pipeline on the platform: a whole run, reuse after a changed input, reasons that stop a run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from client.pipelines import pods
from common import paths
from tests.cluster.pipeline_client import connect
from tests.cluster.support import mlp, soak, until

LABEL = "mlplatform/accelerator"
"""Label of nodes with GPUs in the stacks on AWS."""


@pytest.fixture(scope="module")
def report(platform: dict[str, Any]) -> dict[str, Any]:
    """Report of the check `pipeline-run`."""
    assert "pipelines" in platform["urls"]
    done = mlp("smoke", "pipeline-run", "--json")
    (check,) = json.loads(done.stdout)["checks"]
    assert done.returncode == 0, json.dumps(check, indent=1)
    return check


def test_a_whole_run_keeps_every_claim(report: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in report["rows"]}
    assert rows["steps run"]["value"] == "all succeeded"
    assert rows["steps reused by a repeated run"]["value"] == 4
    assert rows["served prediction comes from that version"]["ok"]


def test_a_changed_input_runs_only_what_depends_on_it(report: dict[str, Any], platform: dict[str, Any]) -> None:
    assert report["ok"]
    api = connect(platform).api
    (newest,) = api.list_runs(page_size=1, sort_by="created_at desc").runs
    same = f"fresh={api.get_run(newest.run_id).runtime_config.parameters['fresh']}"
    done = mlp("pipeline", "run", "flights", "-p", same, "-p", "min_auc=0.701")
    assert done.returncode == 0, done.stdout[-2000:]
    last = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if line.startswith("    ")}
    assert last == {"load-features": "cached", "train": "cached", "evaluate": "succeeded", "register": "cached"}


@soak
def test_the_quality_gate_stops_a_run_with_the_reason(report: dict[str, Any]) -> None:
    assert report["ok"]
    done = mlp("pipeline", "run", "flights", "-p", "min_auc=0.99")
    assert done.returncode == 1
    assert "quality gate: auc is 0.7" in done.stdout
    assert "at least 0.99 is required" in done.stdout


@contextmanager
def node_with_a_gpu(core: client.CoreV1Api) -> Iterator[None]:
    """Give the node a GPU and a label while the block runs."""
    (node,) = core.list_node().items
    name, path = node.metadata.name, "/status/capacity/nvidia.com~1gpu"
    core.patch_node_status(name, [{"op": "add", "path": path, "value": "1"}])
    core.patch_node(name, {"metadata": {"labels": {LABEL: "nvidia"}}})
    try:
        until("allocatable", lambda: "nvidia.com/gpu" in core.read_node(name).status.allocatable, 60)
        yield
    finally:
        core.patch_node(name, {"metadata": {"labels": {LABEL: None}}})
        core.patch_node_status(name, [{"op": "remove", "path": path}])


@soak
def test_a_gpu_becomes_limit_selector_and_toleration_of_training_alone(
    report: dict[str, Any], platform: dict[str, Any], core: client.CoreV1Api
) -> None:
    assert report["ok"]
    wanted = json.dumps({LABEL: "nvidia"})
    with node_with_a_gpu(core):
        done = mlp("pipeline", "run", "flights", "--gpus", "1", "-p", f"node_selector={wanted}")
    assert done.returncode == 0, done.stdout
    runs = connect(platform)
    (newest,) = runs.api.list_runs(page_size=1, sort_by="created_at desc").runs
    steps = {name_of(pod): pod.spec for pod in runs.steps(newest.run_id)}
    train = steps["train"]
    (main,) = [container for container in train.containers if container.name == "main"]
    assert main.resources.limits["nvidia.com/gpu"] == "1"
    assert train.node_selector == {LABEL: "nvidia"}
    assert [item.key for item in train.tolerations if item.effect == "NoSchedule"] == ["nvidia.com/gpu"]
    assert all(not spec.node_selector for name, spec in steps.items() if name != "train")


def name_of(pod: client.V1Pod) -> str:
    return pods.step_of(pod.metadata.annotations[pods.NODE_NAME])


@soak
def test_gpus_that_no_node_has_are_named_and_the_run_is_cancelled(report: dict[str, Any]) -> None:
    assert report["ok"]
    done = mlp("pipeline", "run", "flights", "--gpus", "2", "--timeout", "60")
    assert done.returncode == 1
    assert "Insufficient nvidia.com/gpu" in done.stdout
    assert "so it was cancelled" in done.stdout


def test_a_wrong_parameter_is_refused_before_anything_is_submitted(platform: dict[str, Any]) -> None:
    assert "pipelines" in platform["urls"]
    before = mlp("pipeline", "list", "--json").stdout
    done = mlp("pipeline", "run", "flights", "-p", "rounds=many")
    assert done.returncode == 1
    assert "allowed: a whole number" in done.stdout
    assert mlp("pipeline", "list", "--json").stdout == before


def test_the_standard_client_works_too(platform: dict[str, Any]) -> None:
    from smoke.outputs import Outputs

    secret = Outputs.model_validate(platform).secret("pipelines")
    # As documented, without the token in the arguments, which every user of the machine can read.
    environment = {"KFP_ENDPOINT": secret["KF_PIPELINES_ENDPOINT"], "KFP_EXISTING_TOKEN": secret["KF_PIPELINES_TOKEN"]}
    command = [str(paths.ROOT / ".mlp/venv/bin/kfp"), "--output", "json", "run", "list"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout[done.stdout.index("[") :]), list)
