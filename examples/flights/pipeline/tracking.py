"""Logs a pipeline run in MLflow: one parent run, and one nested run for every step that ran.

Steps find their parent by the id of the pipeline run. The id is not an input of a step: an earlier result is reused
only for equal inputs, and the id is different in every run.
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
"""Variable with the id of the pipeline run, set from a label of the pod."""

REASON_TAG = "failure"
REASON_CHARACTERS = 2000
"""Longest reason in a tag; MLflow's limit is 8000 characters."""


class RunIdError(Exception):
    """The id of the pipeline run is not in the environment."""


def pipeline_run_id() -> str:
    """Return the id of the pipeline run of this step.

    Raises:
        RunIdError: The id is not in the environment.
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
    """Return the id of the parent MLflow run of all steps of a pipeline run; create it when it does not exist."""
    found = find(client, experiment_id, run_id, PARENT)
    if found:
        client.update_run(found[0].info.run_id, status="RUNNING")
        return found[0].info.run_id
    tags = {RUN_TAG: run_id, STEP_TAG: PARENT}
    return client.create_run(experiment_id, tags=tags, run_name=f"pipeline {run_id[:8]}").info.run_id


def reason(error: BaseException) -> str:
    """Return the reason of a step's failure as the value of a tag."""
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS]


@contextmanager
def step_run(experiment: str, step: str) -> Iterator[ActiveRun]:
    """Open a nested MLflow run for a step while the block runs.

    A retried step gets a new run, and a run that a killed attempt left running is marked as killed. The parent is
    finished after every step and resumed by the next, because no step knows whether it is the last one that runs. The
    reason of a failure is set as a tag of both, where it outlasts the logs of the pod.

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
