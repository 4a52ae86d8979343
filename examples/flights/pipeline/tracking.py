"""MLflow runs of a pipeline run: one parent, one child for every step that ran.

Steps find their parent by the pipeline run's id, which is no input of theirs: inputs decide whether a step's earlier
result is reused, and a run's id would make every run a new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from examples.flights import versions
from examples.flights.pipeline.lineage import PARENT, RUN_TAG, STEP_TAG

if TYPE_CHECKING:
    from mlflow import ActiveRun, MlflowClient
    from mlflow.entities import Run

RUN_ID_VARIABLE = "KFP_RUN_ID"
"""Set from a label of the pod."""


REASON_TAG = "failure"
REASON_CHARACTERS = 2000
"""MLflow keeps 8000 of a tag."""


class RunIdError(Exception):
    """The step was not told which pipeline run it belongs to."""


def pipeline_run_id() -> str:
    """Return the id of the pipeline run this process is a step of.

    Raises:
        RunIdError: The environment does not say.
    """
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        raise RunIdError(f"{RUN_ID_VARIABLE} is not set; the pipeline sets it from the pod's label pipeline/runid")
    return run_id


def find(client: MlflowClient, experiment_id: str, run_id: str, step: str) -> list[Run]:
    """Return the MLflow runs of one step of a pipeline run, newest first; `step` may be `PARENT`."""
    chosen = f"tags.{RUN_TAG} = '{run_id}' and tags.{STEP_TAG} = '{step}'"
    return list(client.search_runs([experiment_id], filter_string=chosen, order_by=["attributes.start_time DESC"]))


def parent(client: MlflowClient, experiment_id: str, run_id: str) -> str:
    """Return the id of the MLflow run that all steps of a pipeline run are nested in; made by the first of them."""
    found = find(client, experiment_id, run_id, PARENT)
    if found:
        client.update_run(found[0].info.run_id, status="RUNNING")
        return found[0].info.run_id
    tags = {RUN_TAG: run_id, STEP_TAG: PARENT}
    return client.create_run(experiment_id, tags=tags, run_name=f"pipeline {run_id[:8]}").info.run_id


def reason(error: BaseException) -> str:
    """Return why a step failed, as a tag keeps it."""
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS]


@contextmanager
def step_run(experiment: str, step: str) -> Iterator[ActiveRun]:
    """Log into a run of its own while the block runs.

    A step that is tried again gets a new run; what an attempt that died left running is marked as killed. The parent
    is finished after every step and taken up again by the next: which step is the last one that is not reused, none of
    them knows. Why a step failed stays with both as a tag, longer than the logs of its pod.

    Args:
        experiment: MLflow experiment.
        step: Name of the step.
    """
    run_id, client = pipeline_run_id(), versions.client()
    import mlflow

    experiment_id = mlflow.set_experiment(experiment).experiment_id
    above = parent(client, experiment_id, run_id)
    for left in find(client, experiment_id, run_id, step):
        if left.info.status == "RUNNING":
            client.set_terminated(left.info.run_id, "KILLED")
    tags = {RUN_TAG: run_id, STEP_TAG: step, "mlflow.parentRunId": above}
    made: str | None = None
    try:
        with mlflow.start_run(run_name=step, tags=tags) as run:
            made = run.info.run_id
            yield run
    except BaseException as error:
        for failed in filter(None, (made, above)):
            client.set_tag(failed, REASON_TAG, reason(error))
        client.set_terminated(above, "FAILED")
        raise
    client.set_terminated(above, "FINISHED")
