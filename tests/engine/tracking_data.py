"""What a team has in MLflow, made by its own logins, for tests that try to reach it from elsewhere."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import httpx

from tests.engine.tracking_server import TrackingServer, ok, post

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(frozen=True, kw_only=True)
class Owned:
    """Everything that one team has; each content, and no name, contains `mark`.

    Attributes:
        mark: Random text that nobody can know who has not read the team's data.
        team: The team.
        experiment: Id of its experiment.
        name: Name of the experiment, the registered model and the prompt's stem.
        run: Id of its run, with the file `secret.txt`.
        logged: Id of its logged model, with the file `model.txt`, from which version 1 was registered.
        trace: Id of its trace.
    """

    mark: str
    team: str
    experiment: str
    name: str
    run: str
    logged: str
    trace: str

    @property
    def folder(self) -> str:
        return f"workspaces/{self.team}/{self.experiment}"


def make(server: TrackingServer, team: str) -> Owned:
    """Make one of everything with the login of the team's jobs; the promoter makes version 1 the champion."""
    jobs, mark = server.client(f"{team}-jobs", team), uuid.uuid4().hex
    name = f"forecast-{uuid.uuid4().hex}"
    tags = [{"key": "mark", "value": mark}]
    experiment = post(jobs, "experiments/create", {"name": name, "tags": tags})["experiment_id"]
    run = post(jobs, "runs/create", {"experiment_id": experiment, "run_name": name, "tags": tags})["run"]["info"][
        "run_id"
    ]
    post(jobs, "runs/log-parameter", {"run_id": run, "key": "mark", "value": mark})
    post(jobs, "runs/log-metric", {"run_id": run, "key": "auc", "value": 0.7, "timestamp": 1, "step": 1})
    ok(jobs.put(f"{FILES}/workspaces/{team}/{experiment}/{run}/artifacts/secret.txt", content=mark.encode()))
    logged = post(
        jobs, "logged-models", {"experiment_id": experiment, "name": name, "source_run_id": run, "tags": tags}
    )
    model = logged["model"]["info"]["model_id"]
    ok(jobs.put(f"{FILES}/workspaces/{team}/{experiment}/models/{model}/artifacts/model.txt", content=mark.encode()))
    post(jobs, f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"}, "PATCH")
    post(jobs, "registered-models/create", {"name": name, "description": mark})
    source = {"name": name, "source": f"models:/{model}", "run_id": run, "model_id": model, "tags": tags}
    assert post(jobs, "model-versions/create", source)["model_version"]["version"] == "1"
    promoter = server.client(f"{team}-promoter", team)
    post(promoter, "registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    post(jobs, "registered-models/create", {"name": f"prompt-{name}", "tags": [*prompt, *tags]})
    text = [*prompt, {"key": "mlflow.prompt.text", "value": mark}]
    post(jobs, "model-versions/create", {"name": f"prompt-{name}", "source": "dummy-source", "tags": text})
    return Owned(
        mark=mark,
        team=team,
        experiment=experiment,
        name=name,
        run=run,
        logged=model,
        trace=_trace(jobs, experiment, mark),
    )


def _trace(jobs: httpx.Client, experiment: str, mark: str) -> str:
    trace = f"tr-{uuid.uuid4().hex}"
    info = {
        "trace_id": trace,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "state": "OK",
        "request_preview": mark,
        "tags": {"mark": mark},
    }
    ok(jobs.post("/api/3.0/mlflow/traces", json={"trace": {"trace_info": info}}))
    return trace
