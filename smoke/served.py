"""Describes the deployment that the serving checks test: its URL and the registered model that it must serve."""

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
    """Read the description of a deployment; `served.yaml` of this folder when `path` is None."""
    return ServedSpec.model_validate(yaml.safe_load((path or Path(__file__).with_name("served.yaml")).read_text()))


@contextmanager
def mlflow_credentials(outputs: Outputs, login: str = "mlflow") -> Iterator[None]:
    """Set the environment of MLflow's client to the platform while the block runs.

    Args:
        outputs: The platform and the team.
        login: Name of the login in the credentials: that of jobs, or `mlflow_promoter`.
    """
    secret = outputs.secret(login)
    wanted = {
        "MLFLOW_TRACKING_URI": outputs.urls["mlflow"],
        "MLFLOW_TRACKING_USERNAME": secret["MLFLOW_TRACKING_USERNAME"],
        "MLFLOW_TRACKING_PASSWORD": secret["MLFLOW_TRACKING_PASSWORD"],
        "MLFLOW_WORKSPACE": secret["MLFLOW_WORKSPACE"],
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    previous = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        import mlflow

        # MLflow reads the variable for its log level only at its first import in the process.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        mlflow.set_tracking_uri(wanted["MLFLOW_TRACKING_URI"])
        yield
    finally:
        for key, value in previous.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


@dataclass
class Served:
    """A deployment under test.

    Attributes:
        outputs: Outputs of its stack.
        spec: Description of the deployment.
    """

    outputs: Outputs
    spec: ServedSpec

    @property
    def predict_url(self) -> str:
        """V1 prediction URL through the gateway."""
        base = f"{self.outputs.urls['serving'].rstrip('/')}/{self.outputs.team}/{self.spec.service}"
        return f"{base}/v1/models/{self.spec.service}:predict"

    @cached_property
    def version(self) -> ModelVersion:
        """The registered version behind the alias.

        Raises:
            CheckFailed: MLflow does not answer, or no version has the alias.
        """
        from mlflow import MlflowClient

        try:
            with mlflow_credentials(self.outputs):
                return MlflowClient().get_model_version_by_alias(self.spec.registered_model, self.spec.alias)
        except Exception as error:
            raise CheckFailed(
                f"cannot read {self.spec.registered_model}@{self.spec.alias} from MLflow: {first_line(error)}; "
                f"run `mlp workload run {self.spec.service}`"
            ) from error

    @cached_property
    def feature_service(self) -> str:
        """Feast feature service that the version was trained on, from the metadata of the model.

        Raises:
            CheckFailed: The metadata of the model cannot be read, or lack the feature service.
        """
        import mlflow

        uri = f"models:/{self.spec.registered_model}/{self.version.version}"
        try:
            with mlflow_credentials(self.outputs):
                metadata = mlflow.models.get_model_info(uri).metadata or {}
        except Exception as error:
            raise CheckFailed(f"cannot read the metadata of {uri}: {first_line(error)}") from error
        if "feature_service" not in metadata:
            raise CheckFailed(f"the metadata of {uri} lack feature_service: {metadata}")
        return str(metadata["feature_service"])

    @cached_property
    def requests(self) -> list[dict[str, Any]]:
        """Requests with entity keys only, logged by the run that trained the served version.

        Raises:
            CheckFailed: The run does not have the artifact, or the artifact is empty.
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
                f"cannot read artifact {self.spec.requests_artifact} of run {version.run_id} in MLflow: "
                f"{first_line(error)}"
            ) from error
        if not requests:
            raise CheckFailed(f"artifact {self.spec.requests_artifact} of run {version.run_id} contains no request")
        return requests
