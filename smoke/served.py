"""The deployment that the serving checks look at: where it answers, and which registered model it must be."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class ServedSpec(BaseModel):
    """Contents of `served.yaml`."""

    service: str
    registered_model: str
    alias: str
    requests_artifact: str
    entity_keys: list[str]


def load_spec(path: Path | None = None) -> ServedSpec:
    """Read a description of a deployment; the reference workload's when `path` is None."""
    return ServedSpec.model_validate(yaml.safe_load((path or Path(__file__).with_name("served.yaml")).read_text()))


@contextmanager
def mlflow_credentials(outputs: Outputs) -> Iterator[None]:
    """Point MLflow's client at the platform for the duration of the block, and only there."""
    secret = outputs.secret("mlflow")
    wanted = {
        "MLFLOW_TRACKING_URI": outputs.urls["mlflow"],
        "MLFLOW_TRACKING_USERNAME": secret["MLFLOW_TRACKING_USERNAME"],
        "MLFLOW_TRACKING_PASSWORD": secret["MLFLOW_TRACKING_PASSWORD"],
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        import mlflow

        # The variable for this counts only before the first import of the process.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        mlflow.set_tracking_uri(wanted["MLFLOW_TRACKING_URI"])
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


@dataclass
class Served:
    """A deployment under test.

    Attributes:
        outputs: Outputs of its stack.
        spec: Which deployment.
    """

    outputs: Outputs
    spec: ServedSpec

    @property
    def predict_url(self) -> str:
        """V1 prediction URL through the gateway."""
        return f"{self.outputs.urls['serving'].rstrip('/')}/{self.spec.service}/v1/models/{self.spec.service}:predict"

    @cached_property
    def version(self) -> ModelVersion:
        """The registered version behind the alias.

        Raises:
            CheckFailed: MLflow does not answer, or there is no such alias.
        """
        from mlflow import MlflowClient

        try:
            with mlflow_credentials(self.outputs):
                return MlflowClient().get_model_version_by_alias(self.spec.registered_model, self.spec.alias)
        except Exception as error:
            raise CheckFailed(
                f"MLflow has no {self.spec.registered_model}@{self.spec.alias}: {first_line(error)}; "
                f"run `mlp workload run {self.spec.service}`"
            ) from error

    @cached_property
    def feature_service(self) -> str:
        """The Feast feature service that the version was trained on, as recorded in its model metadata.

        Raises:
            CheckFailed: The model does not record one.
        """
        import mlflow

        uri = f"models:/{self.spec.registered_model}/{self.version.version}"
        try:
            with mlflow_credentials(self.outputs):
                metadata = mlflow.models.get_model_info(uri).metadata or {}
        except Exception as error:
            raise CheckFailed(f"cannot read the metadata of {uri}: {first_line(error)}") from error
        if "feature_service" not in metadata:
            raise CheckFailed(f"{uri} records no feature_service; its metadata: {metadata}")
        return str(metadata["feature_service"])

    @cached_property
    def requests(self) -> list[dict[str, Any]]:
        """Requests that carry keys only, logged by the run that trained the served version.

        Raises:
            CheckFailed: The run has no such artifact, or it is empty.
        """
        from mlflow.artifacts import download_artifacts

        version = self.version
        try:
            with mlflow_credentials(self.outputs), tempfile.TemporaryDirectory() as folder:
                path = download_artifacts(
                    run_id=version.run_id, artifact_path=self.spec.requests_artifact, dst_path=folder
                )
                requests = json.loads(Path(path).read_text())
        except Exception as error:
            raise CheckFailed(
                f"run {version.run_id} of version {version.version} has no artifact {self.spec.requests_artifact}: "
                f"{first_line(error)}"
            ) from error
        if not requests:
            raise CheckFailed(f"artifact {self.spec.requests_artifact} of run {version.run_id} holds no request")
        return requests
