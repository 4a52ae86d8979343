"""Verifies the results that a pipeline run reports, in MLflow and in the object store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from smoke.outputs import Outputs, first_line
from smoke.pipeline_spec import Buckets, PipelineSpec
from smoke.result import CheckFailed, Row
from smoke.served import mlflow_credentials

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

T = TypeVar("T")


def nested(runs: Sequence[Run], spec: PipelineSpec, steps: Sequence[str]) -> list[Row]:
    """Return rows: every step has one finished MLflow run, and all of them are nested in one finished parent."""
    by_step: dict[str, list[Run]] = {}
    for run in runs:
        by_step.setdefault(run.data.tags.get(spec.step_tag, ""), []).append(run)
    parents = by_step.pop(spec.parent, [])
    finished = {
        step: [run for run in found if run.info.status == "FINISHED"]
        for step, found in by_step.items()
        if step in steps
    }
    above = {run.data.tags.get("mlflow.parentRunId") for found in finished.values() for run in found}
    parent = parents[0].info if len(parents) == 1 else None
    return [
        Row(
            name="steps with a finished MLflow run",
            value=", ".join(step for step in steps if len(finished.get(step, [])) == 1) or "none",
            allowed=", ".join(steps),
            ok=all(len(finished.get(step, [])) == 1 for step in steps),
        ),
        Row(
            name="nested under one finished parent",
            value=f"{len(parents)} parent(s), {parent.status.lower() if parent else 'unclear'}",
            allowed="1 parent(s), finished",
            ok=parent is not None and parent.status == "FINISHED" and above == {parent.run_id},
        ),
    ]


def artifacts(found: Mapping[str, Iterable[str]], wanted: Mapping[str, Sequence[str]], where: str) -> Row:
    """Return the row about missing artifacts.

    Args:
        found: Names of the existing artifacts, by step.
        wanted: Names of the required artifacts, by step.
        where: Location, for the name of the row.
    """
    missing = [f"{step}/{name}" for step, names in wanted.items() for name in names if name not in found.get(step, ())]
    count = sum(len(names) for names in wanted.values())
    return Row(
        name=f"artifacts in {where}",
        value=f"missing: {', '.join(missing)}" if missing else f"{count} of {count}",
        allowed=f"{count} of {count}",
        ok=not missing,
    )


def lineage(tags: Mapping[str, str], wanted: Mapping[str, str], names: Sequence[str]) -> list[Row]:
    """Return rows about a version's lineage: all tags `names` are set, and the tags in `wanted` have these values."""
    missing = [name for name in names if not tags.get(name)]
    wrong = [f"{name} is {tags.get(name)}, not {value}" for name, value in wanted.items() if tags.get(name) != value]
    return [
        Row(
            name="lineage tags of the version",
            value=f"missing: {', '.join(missing)}" if missing else f"{len(names)} of {len(names)}",
            allowed=f"{len(names)} of {len(names)}",
            ok=not missing,
        ),
        Row(
            name="lineage equals run, data and commit",
            value="; ".join(wrong)[:200] or "equal",
            allowed="equal",
            ok=not wrong,
        ),
    ]


def by_step(keys: Mapping[str, int], run_id: str) -> dict[str, set[str]]:
    """Return the names of non-empty artifacts, by step; keys are `.../<run>/<step>/<uuid>/<name>`."""
    found: dict[str, set[str]] = {}
    for key, size in keys.items():
        parts = key.split(f"/{run_id}/", 1)[-1].split("/")
        if len(parts) >= 3 and size > 0:
            found.setdefault(parts[0], set()).add(parts[2])
    return found


class Registry:
    """Reads from MLflow what one pipeline run has written."""

    def __init__(self, outputs: Outputs, spec: PipelineSpec) -> None:
        self._outputs = outputs
        self._spec = spec

    def _ask(self, what: str, ask: Callable[[Any], T]) -> T:
        from mlflow import MlflowClient

        try:
            with mlflow_credentials(self._outputs):
                return ask(MlflowClient())
        except CheckFailed:
            raise
        except Exception as error:
            raise CheckFailed(f"cannot read {what} from MLflow: {first_line(error)}") from error

    def runs(self, run_id: str) -> list[Run]:
        """Return every MLflow run of a pipeline run.

        Raises:
            CheckFailed: MLflow does not answer.
        """

        def ask(client: Any) -> list[Run]:  # noqa: ANN401 as above
            experiment = client.get_experiment_by_name(self._spec.experiment)
            chosen = f"tags.{self._spec.run_tag} = '{run_id}'"
            return list(client.search_runs([experiment.experiment_id], filter_string=chosen)) if experiment else []

        return self._ask("the runs of the steps", ask)

    def files(self, runs: Sequence[Run]) -> dict[str, set[str]]:
        """Return the artifacts of each step's run.

        Raises:
            CheckFailed: MLflow does not answer.
        """

        def ask(client: Any) -> dict[str, set[str]]:  # noqa: ANN401 as above
            return {
                run.data.tags.get(self._spec.step_tag, ""): {
                    item.path for item in client.list_artifacts(run.info.run_id)
                }
                for run in runs
            }

        return self._ask("the artifacts of the steps", ask)

    def versions(self, run_id: str) -> list[ModelVersion]:
        """Return the versions that a pipeline run registered.

        Raises:
            CheckFailed: MLflow does not answer.
        """
        chosen = f"name='{self._spec.served.registered_model}' and tag.{self._spec.run_tag}='{run_id}'"
        return self._ask("the registered versions", lambda client: list(client.search_model_versions(chosen)))

    def alias(self) -> str:
        """Return the version behind the alias.

        Raises:
            CheckFailed: No version has the alias, or MLflow does not answer.
        """
        spec = self._spec.served
        found = self._ask(
            f"{spec.registered_model}@{spec.alias}",
            lambda client: client.get_model_version_by_alias(spec.registered_model, spec.alias),
        )
        return str(found.version)

    def signature(self, version: str) -> list[str]:
        """Return the input names of a version's signature; empty without a signature.

        Raises:
            CheckFailed: MLflow does not answer.
        """

        def ask(_client: object) -> list[str]:
            import mlflow

            info = mlflow.models.get_model_info(f"models:/{self._spec.served.registered_model}/{version}")
            return list(info.signature.inputs.input_names()) if info.signature else []

        return self._ask("the signature of the version", ask)


def in_bucket(buckets: Buckets, spec: PipelineSpec, run_id: str) -> Row:
    """Return the row about missing artifacts of a run in the bucket of pipelines.

    Raises:
        CheckFailed: The object store does not answer.
    """
    keys = buckets.keys("pipelines", f"v2/artifacts/{spec.name}/{run_id}/")
    return artifacts(by_step(keys, run_id), spec.bucket_artifacts, "the bucket of pipelines")
