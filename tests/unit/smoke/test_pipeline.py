"""Check `pipeline-run`: each row passes for a correct result, and fails with the reason for a wrong one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common import paths
from common.errors import UserError
from smoke import correctness, pipeline_run, pipeline_spec
from smoke import pipeline_claims as claims
from smoke.outputs import Budgets, Outputs, TeamOutputs, one_line
from smoke.result import CheckFailed, CheckResult, Row
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
    teams={"red": TeamOutputs(namespace="red", credentials={})},
    default_team="red",
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


def test_a_stack_without_pipelines_is_named() -> None:
    with pytest.raises(CheckFailed, match="no Kubeflow Pipelines"):
        pipeline_run.prepare(OUTPUTS, SPEC, "digest", "commit")


def test_the_check_fails_on_a_stack_that_is_not_up() -> None:
    (result,) = run_checks("no-such-stack", (PIPELINE,))
    assert not result.ok
    assert "mlp up --stack no-such-stack" in result.reason


def test_an_error_in_one_line() -> None:
    assert one_line(Exception("no model\n  seen:    x\n  next:    y")) == "no model · seen:    x · next:    y"


def test_the_spec_names_what_the_pipeline_has() -> None:
    from client.pipelines.package import load

    package = load(paths.ROOT / SPEC.package)
    assert package.name == SPEC.name
    for step, names in SPEC.bucket_artifacts.items():
        outputs = package.spec["components"][f"comp-{step}"]["outputDefinitions"]["artifacts"]
        assert set(names) <= set(outputs)


class Registry:
    """Responses of MLflow about one run, each of which can be wrong."""

    def __init__(self, versions: int = 1, alias: str = "7", inputs: tuple[str, ...] = ("dep_hour",)) -> None:
        self._versions, self._alias, self._inputs = versions, alias, inputs

    def versions(self, _run: str) -> list[Any]:
        return [SimpleNamespace(version=str(7 - index), tags={}) for index in range(self._versions)]

    def alias(self) -> str:
        return self._alias

    def signature(self, _version: str) -> tuple[str, ...]:
        return self._inputs


@pytest.mark.parametrize(
    ("registry", "broken"),
    [
        (Registry(), []),
        (Registry(versions=2), ["versions registered by the run"]),
        (Registry(alias="6"), ["alias points at that version"]),
        (Registry(inputs=()), ["inputs in its signature"]),
    ],
)
def test_the_registered_version(registry: Any, broken: list[str]) -> None:
    rows, version, _ = pipeline_run.registered(registry, "r")
    assert version == "7"
    assert [row.name for row in rows if not row.ok] == broken


def test_a_run_that_registered_nothing_fails() -> None:
    with pytest.raises(CheckFailed, match="no version with the id of the run"):
        pipeline_run.registered(cast(Any, Registry(versions=0)), "r")


def ended(*states: str) -> Any:
    steps = [SimpleNamespace(name=f"step-{index}", state=state) for index, state in enumerate(states)]
    return SimpleNamespace(steps=steps, seconds=37.0)


def test_a_second_run_reuses_everything_and_registers_nothing() -> None:
    assert [row.ok for row in pipeline_run.reuse(ended("cached", "cached"), [])] == [True, True, True]
    assert [row.ok for row in pipeline_run.reuse(ended("cached", "succeeded"), [])] == [False, True, True]
    assert [row.ok for row in pipeline_run.reuse(ended("cached"), ["8"])] == [True, True, False]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let version 7 answer; return the list of calls of the hooks."""

    def predictions(*_: object) -> tuple[list[float], str]:
        return [0.5], "7"

    def target(*_: object) -> Any:
        return SimpleNamespace(requests=[{}])

    def check(_: object) -> CheckResult:
        return CheckResult(check="serving-correctness")

    monkeypatch.setattr(pipeline_run, "Served", target)
    monkeypatch.setattr(correctness, "served_predictions", predictions)
    monkeypatch.setattr(correctness, "check", check)
    return []


def hooks(asked: list[str], failure: str = "") -> pipeline_run.Hooks:
    def deploy() -> None:
        asked.append("deploy")
        if failure:
            raise UserError(failure)

    return pipeline_run.Hooks(deploy=deploy, withdraw=lambda: asked.append("withdraw"))


def test_the_served_prediction_comes_from_the_registered_version(asked: list[str]) -> None:
    assert [row.ok for row in pipeline_run.served(OUTPUTS, SPEC, hooks(asked), "7")] == [True]
    assert [row.ok for row in pipeline_run.served(OUTPUTS, SPEC, hooks(asked), "8")] == [False]
    assert asked == ["deploy", "withdraw"] * 2


def test_a_deployment_that_never_answers_is_deleted_and_reported(asked: list[str]) -> None:
    with pytest.raises(CheckFailed, match=r"version 7 cannot be deployed: .*does not serve"):
        pipeline_run.served(OUTPUTS, SPEC, hooks(asked, "InferenceService does not serve"), "7")
    assert asked == ["deploy", "withdraw"]


def test_rows_found_before_a_failure_are_reported_with_its_reason(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def look(result: CheckResult, *_: object) -> None:
        result.rows.append(Row(name="steps run", value="all succeeded"))
        raise CheckFailed("KServe does not answer")

    monkeypatch.setattr(pipeline_run, "_collect", look)
    found = pipeline_run.check(OUTPUTS, "local", SPEC, hooks(asked), tmp_path)
    assert (found.reason, [row.name for row in found.rows]) == ("KServe does not answer", ["steps run"])
    assert not found.ok
