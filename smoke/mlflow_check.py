"""Check `mlflow`: what a data scientist does all day, once: log, read back, artifact round trip, register, alias."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from pathlib import Path

from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import mlflow_credentials

EXPERIMENT = "smoke"
ARTIFACT_BYTES = 1_000_000
"""Larger than one chunk of any proxy on the way, small enough to be quick."""


def check(outputs: Outputs) -> CheckResult:
    """Write and read back through the gateway; every trace but the experiment itself is removed again.

    Raises:
        CheckFailed: A call failed; the text names the step and the server's answer.
    """
    import mlflow
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
            stage = "log a parameter and a metric"
            client.log_param(run_id, "token", token)
            client.log_metric(run_id, "answer", 42.5, step=1)
            found = client.get_run(run_id).data
            result.rows.append(_same("parameter read back", found.params.get("token"), token))
            result.rows.append(_same("metric read back", found.metrics.get("answer"), 42.5))

            stage = "upload and download an artifact"
            source = Path(folder) / "payload.bin"
            source.write_bytes(os.urandom(ARTIFACT_BYTES))
            client.log_artifact(run_id, str(source))
            back = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path="payload.bin", dst_path=f"{folder}/back"
            )
            result.rows.append(_same("artifact round trip, sha256", _digest(Path(back)), _digest(source)))

            stage = "register a version and set an alias"
            name = f"smoke-{token}"
            client.create_registered_model(name)
            try:
                version = client.create_model_version(name, f"runs:/{run_id}/payload.bin", run_id, await_creation_for=0)
                client.set_registered_model_alias(name, "champion", version.version)
                by_alias = client.get_model_version_by_alias(name, "champion")
                result.rows.append(_same("alias resolves to version", str(by_alias.version), str(version.version)))
            finally:
                client.delete_registered_model(name)
            stage = "delete the run"
            client.delete_run(run_id)
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"could not {stage} at {outputs.urls['mlflow']}: {first_line(error)}") from error
    return result


def _same(name: str, found: object, wanted: object) -> Row:
    shown = str(found)[:16]
    return Row(name=name, value=shown, allowed=f"= {str(wanted)[:16]}", ok=found == wanted)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
