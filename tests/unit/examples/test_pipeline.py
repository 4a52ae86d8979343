"""The pipeline: the compiled file is the committed one; decisions of its steps without a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.flights import train
from examples.flights.parameters import parameters
from examples.flights.pipeline import components, definition, mounts, steps, tracking
from examples.flights.pipeline.lineage import Lineage

GOOD = {"auc": 0.74, "brier_skill": 0.16}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("compiled") / "flights.yaml"
    definition.compile_to(path)
    return path.read_text()


@pytest.fixture(scope="module")
def spec(compiled: str) -> dict[str, Any]:
    return next(yaml.safe_load_all(compiled))


@pytest.fixture(scope="module")
def executors(compiled: str) -> dict[str, dict[str, Any]]:
    """Return the Kubernetes settings of each executor."""
    *_, platforms = yaml.safe_load_all(compiled)
    return platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: item["container"] for name, item in spec["deploymentSpec"]["executors"].items()}


def test_committed_pipeline_is_the_compiled_one(compiled: str) -> None:
    assert definition.PACKAGE.read_text() == compiled, "run python -m examples.flights.pipeline.definition"


def test_steps_run_in_order_and_are_tried_again(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    after = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    assert after == {
        "load-features": [],
        "train": ["load-features"],
        "evaluate": ["load-features", "train"],
        "register": ["evaluate", "load-features", "train"],
    }
    assert {name: task["retryPolicy"]["maxRetryCount"] for name, task in tasks.items()} == definition.ATTEMPTS
    assert all(task["cachingOptions"]["enableCache"] for task in tasks.values())


def test_no_image_is_reviewed_but_the_one_to_fill_in(spec: dict[str, Any]) -> None:
    assert {item["image"] for item in containers(spec).values()} == {components.IMAGE}
    assert "pip install" not in str(spec), "an image without network needs no kfp from an index"


def test_every_container_states_what_it_needs(spec: dict[str, Any]) -> None:
    for item in containers(spec).values():
        assert {"resourceCpuRequest", "resourceMemoryRequest", "resourceMemoryLimit"} <= set(item["resources"])


def test_gpus_reach_training_alone(spec: dict[str, Any], executors: dict[str, dict[str, Any]]) -> None:
    asking = [name for name, item in containers(spec).items() if "accelerator" in item["resources"]]
    assert asking == ["exec-train"]
    assert containers(spec)["exec-train"]["resources"]["accelerator"] == {
        "resourceCount": "{{$.inputs.parameters['pipelinechannel--gpus']}}",
        "resourceType": "{{$.inputs.parameters['pipelinechannel--accelerator']}}",
    }
    chosen = [name for name, item in executors.items() if "nodeSelector" in item or "tolerations" in item]
    assert chosen == ["exec-train"]


def test_what_would_keep_results_from_being_reused_is_no_input(executors: dict[str, dict[str, Any]]) -> None:
    """The run's id reaches the pods through a label; as an input it would prevent the reuse of results."""
    for item in executors.values():
        (field,) = item["fieldPathAsEnv"]
        assert field == {"name": tracking.RUN_ID_VARIABLE, "fieldPath": "metadata.labels['pipeline/runid']"}
    assert "pipeline_job" not in definition.PACKAGE.read_text()


def test_credentials_are_mounted_and_access_keys_may_be_absent(executors: dict[str, dict[str, Any]]) -> None:
    for item in executors.values():
        optional = {volume["secretName"]: volume["optional"] for volume in item["secretAsVolume"]}
        assert optional == {"object-store": True, "mlflow-client": False, "feast-config": False}


def test_mounted_files_are_variables_and_given_ones_win(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "RAW_BUCKET").write_text("raw\n")
    (tmp_path / "AWS_REGION").write_text("us-east-1")
    environ = {"AWS_REGION": "eu-west-1"}
    mounts.read((tmp_path, tmp_path / "absent"), environ)
    assert environ == {"AWS_REGION": "eu-west-1", "RAW_BUCKET": "raw"}


def test_gate_lets_a_good_model_pass() -> None:
    steps.gate(GOOD, 0.7, 0.1)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({**GOOD, "auc": 0.6}, "quality gate: auc is 0.6000, at least 0.7 is required"),
        ({"auc": 0.6, "brier_skill": 0.0}, "auc is .*; brier_skill is 0.0000, at least 0.1 is required"),
        ({**GOOD, "auc": float("nan")}, "auc is nan"),
    ],
)
def test_gate_stops_a_poor_model_with_the_reason(metrics: dict[str, float], message: str) -> None:
    with pytest.raises(train.QualityGateError, match=message):
        steps.gate(metrics, 0.7, 0.1)


def test_other_feature_tables_are_refused_with_both_digests() -> None:
    steps.check_snapshot("", "b" * 64, "bucket features")
    steps.check_snapshot("b" * 64, "b" * 64, "bucket features")
    with pytest.raises(steps.SnapshotError, match=r"aaaaaaaaaaaa, bucket features contains bbbbbbbbbbbb"):
        steps.check_snapshot("a" * 64, "b" * 64, "bucket features")


def test_parameters_reach_training_by_their_own_names() -> None:
    changed = steps.with_training(parameters(), rounds=7, seed=3, num_leaves=15, learning_rate=0.1).training
    assert (changed.rounds, changed.seed) == (7, 3)
    assert (changed.lightgbm["num_leaves"], changed.lightgbm["learning_rate"]) == (15, 0.1)
    assert changed.lightgbm["deterministic"]
    assert parameters().training.lightgbm["num_leaves"] == 31, "the workload's own parameters stay"


def test_lineage_names_everything_that_is_known() -> None:
    whole = Lineage(
        run_id="run",
        pipeline_id="pipeline",
        data_digest="data",
        data_as_of="2013-12-30T22:00:00+00:00",
        feature_service_version="fingerprint",
        git_commit="0123abc",
        model_digest="model",
    )
    assert whole.tags() == {
        "pipeline_run_id": "run",
        "pipeline_id": "pipeline",
        "data_digest": "data",
        "data_as_of": "2013-12-30T22:00:00+00:00",
        "feature_service": "flight_delay_v1",
        "feature_service_fingerprint": "fingerprint",
        "mlflow.source.git.commit": "0123abc",
        "model_digest": "model",
        "quality_gate": "passed",
    }


def test_lineage_leaves_out_what_is_unknown() -> None:
    tags = Lineage(
        run_id="run",
        pipeline_id="",
        data_digest="data",
        data_as_of="",
        feature_service_version="fingerprint",
        git_commit="",
        model_digest="model",
    ).tags()
    assert not {"pipeline_id", "data_as_of", "mlflow.source.git.commit"} & set(tags)


def test_a_step_outside_a_pipeline_names_the_missing_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracking.RUN_ID_VARIABLE, raising=False)
    with pytest.raises(tracking.RunIdError, match="pipeline/runid"):
        tracking.pipeline_run_id()
