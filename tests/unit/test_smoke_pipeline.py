"""The check `pipeline-run`: each claim passes when it holds and fails, saying what is missing, when it does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from smoke import pipeline_claims as claims
from smoke import pipeline_run, pipeline_spec
from smoke.outputs import Budgets, Outputs
from smoke.result import CheckFailed
from smoke.run import PIPELINE, run_checks

SPEC = pipeline_spec.load_spec()
STEPS = ["load-features", "train", "evaluate", "register"]
OUTPUTS = Outputs(
    environment="local",
    urls={"mlflow": "http://127.0.0.1:1/mlflow"},
    namespaces={},
    buckets={},
    budgets=Budgets(feature_ms=1, predict_ms=1, total_ms=1),
    credentials={},
)


def run(step: str, status: str = "FINISHED", parent: str | None = "p") -> Any:
    tags = {SPEC.step_tag: step} | ({"mlflow.parentRunId": parent} if parent else {})
    return SimpleNamespace(info=SimpleNamespace(run_id="p", status=status), data=SimpleNamespace(tags=tags))


PARENT = run(SPEC.parent, parent=None)
WHOLE = [PARENT, *(run(step) for step in STEPS)]


def ok(runs: list[Any]) -> list[bool]:
    return [row.ok for row in claims.nested(runs, SPEC, STEPS)]


def test_nested_runs() -> None:
    assert ok(WHOLE) == [True, True]
    assert ok([*WHOLE, run("train", status="KILLED")]) == [True, True], "an attempt that died is no second step"
    assert ok(WHOLE[:-1]) == [False, True]
    assert ok([*WHOLE[:-1], run("register", status="FAILED")]) == [False, True]
    assert ok(WHOLE[1:]) == [True, False]
    assert ok([*WHOLE[:-1], run("register", parent="other")]) == [True, False]
    assert ok([run(SPEC.parent, status="FAILED", parent=None), *WHOLE[1:]]) == [True, False]
    assert ok([]) == [False, False]


def test_lineage() -> None:
    names = ["pipeline_run_id", "data_digest"]
    tags = {"pipeline_run_id": "r", "data_digest": "d"}
    assert [row.ok for row in claims.lineage(tags, {"data_digest": "d"}, names)] == [True, True]
    missing, wrong = claims.lineage({"data_digest": "x"}, {"data_digest": "d"}, names)
    assert (missing.ok, missing.value) == (False, "missing: pipeline_run_id")
    assert (wrong.ok, wrong.value) == (False, "data_digest is x, not d")


def test_artifacts_in_the_bucket() -> None:
    base = "v2/artifacts/flights/run"
    keys = {
        f"{base}/load-features/u/train_set": 10,
        f"{base}/load-features/u/test_set": 10,
        f"{base}/train/u/model": 0,
    }
    found = claims.by_step(keys, "run")
    assert found == {"load-features": {"train_set", "test_set"}}, "an empty object is no artifact"
    row = claims.artifacts(found, {"load-features": ["train_set"], "train": ["model"]}, "the bucket")
    assert (row.ok, row.value) == (False, "missing: train/model")
    assert claims.artifacts(found, {"load-features": ["train_set"]}, "the bucket").ok


def test_a_stack_without_pipelines_says_so() -> None:
    with pytest.raises(CheckFailed, match="no Kubeflow Pipelines"):
        pipeline_spec.server(OUTPUTS, "local")


def test_the_check_fails_on_a_stack_that_is_not_up() -> None:
    (result,) = run_checks("no-such-stack", (PIPELINE,))
    assert not result.ok
    assert "mlp up --stack no-such-stack" in result.reason


def test_an_error_in_one_line() -> None:
    assert (
        pipeline_run.one_line(Exception("no model\n  seen:    x\n  next:    y")) == "no model · seen:    x · next:    y"
    )


def test_the_spec_names_what_the_pipeline_has() -> None:
    from pipelines.package import load

    package = load(pipeline_spec.ROOT / SPEC.package)
    assert package.name == SPEC.name
    for step, names in SPEC.bucket_artifacts.items():
        outputs = package.spec["components"][f"comp-{step}"]["outputDefinitions"]["artifacts"]
        assert set(names) <= set(outputs)
