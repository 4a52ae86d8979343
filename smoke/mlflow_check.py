"""Check `mlflow`: logs a run, reads it back, uploads and downloads an artifact, registers a version, sets an alias."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import mlflow_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "smoke"
PAYLOAD = "payload.bin"
ALIAS = "smoke"
ARTIFACT_BYTES = 1_000_000
"""Size of the artifact: larger than one chunk of any proxy, small enough to be fast."""


def check(outputs: Outputs) -> CheckResult:
    """Write to MLflow and read back, through the gateway; leave only the experiment with deleted runs.

    Raises:
        CheckFailed: A call failed; the text names the step and the server's message.
    """
    from mlflow import MlflowClient

    result = CheckResult(check="mlflow")
    token = uuid.uuid4().hex[:12]
    stage = "read the credentials"
    try:
        with mlflow_credentials(outputs), tempfile.TemporaryDirectory() as folder:
            client = MlflowClient()
            stage = "create a run"
            experiment = client.get_experiment_by_name(EXPERIMENT)
            experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
            run_id = client.create_run(experiment_id, run_name=f"smoke-{token}").info.run_id
            try:
                for title, part in STAGES.items():
                    stage = title
                    result.rows += part(client, run_id, token, Path(folder))
                stage = "delete the run"
                forget(client, run_id)
            except Exception:
                # Leave the artifact: the object store may be the cause, and another request would only take time.
                with contextlib.suppress(Exception):
                    client.delete_run(run_id)
                raise
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"could not {stage} at {outputs.urls['mlflow']}: {first_line(error)}") from error
    return result


def _values(client: MlflowClient, run_id: str, token: str, folder: Path) -> list[Row]:
    del folder
    client.log_param(run_id, "token", token)
    client.log_metric(run_id, "answer", 42.5, step=1)
    found = client.get_run(run_id).data
    return [
        _same("parameter read back", found.params.get("token"), token),
        _same("metric read back", found.metrics.get("answer"), 42.5),
    ]


def _artifact(client: MlflowClient, run_id: str, token: str, folder: Path) -> list[Row]:
    from mlflow.artifacts import download_artifacts

    del token
    source = folder / PAYLOAD
    source.write_bytes(os.urandom(ARTIFACT_BYTES))
    client.log_artifact(run_id, str(source))
    back = download_artifacts(run_id=run_id, artifact_path=PAYLOAD, dst_path=f"{folder}/back")
    return [_same("artifact round trip, sha256", _digest(Path(back)), _digest(source))]


def _alias(client: MlflowClient, run_id: str, token: str, folder: Path) -> list[Row]:
    del folder
    name = f"smoke-{token}"
    client.create_registered_model(name)
    try:
        version = client.create_model_version(name, f"runs:/{run_id}/{PAYLOAD}", run_id)
        client.set_registered_model_alias(name, ALIAS, version.version)
        by_alias = client.get_model_version_by_alias(name, ALIAS)
    finally:
        client.delete_registered_model(name)
    return [_same("alias resolves to version", str(by_alias.version), str(version.version))]


STAGES = {
    "log a parameter and a metric": _values,
    "upload and download an artifact": _artifact,
    "register a version and set an alias": _alias,
}


def forget(client: MlflowClient, run_id: str) -> None:
    """Delete a run and its artifact, which would otherwise stay until a garbage collection of MLflow."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    uri = client.get_run(run_id).info.artifact_uri
    client.delete_run(run_id)
    get_artifact_repository(uri).delete_artifacts(PAYLOAD)


def _same(name: str, found: object, wanted: object) -> Row:
    shown = str(found)[:16]
    return Row(name=name, value=shown, allowed=f"= {str(wanted)[:16]}", ok=found == wanted)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
