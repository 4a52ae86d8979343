"""Logs a model in MLflow with its signature, registers it as a version, and finds versions by alias."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from examples.flights import model
from examples.flights.features.catalog import FEATURE_NAMES, KEYS, SERVICE

if TYPE_CHECKING:
    import pandas as pd
    from lightgbm import Booster
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models.model import ModelInfo

REQUESTS_FILE = "serving_requests.json"
"""Artifact of a version's run with requests of keys only, for load tests and checks."""

REQUESTS = 256
"""Number of requests in the artifact, with different keys that are all in the online store."""

EXAMPLE_ROWS = 4


def client() -> MlflowClient:
    """Return a client of the tracking server in MLFLOW_TRACKING_URI."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    return MlflowClient()


def by_alias(mlflow_client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version of registered model `name` behind `alias`; None when no version has the alias."""
    from mlflow.exceptions import MlflowException

    try:
        return mlflow_client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def example(test: pd.DataFrame) -> pd.DataFrame:
    """Return the input example for logging a model."""
    return test[FEATURE_NAMES].head(EXAMPLE_ROWS).reset_index(drop=True)


def log_model(booster: Booster, rows: pd.DataFrame, mark: str) -> ModelInfo:
    """Log the model in the active run, with the metadata that the predictor reads.

    Args:
        booster: The model.
        rows: Input example.
        mark: Fingerprint of the feature service; the predictor compares it.
    """
    import lightgbm
    import mlflow
    import numpy as np
    from mlflow.models import infer_signature

    gains = booster.feature_importance("gain").tolist()
    mlflow.log_dict(dict(zip(FEATURE_NAMES, gains, strict=True)), "feature_importance.json")
    return mlflow.lightgbm.log_model(
        booster,
        name="model",
        signature=infer_signature(rows, model.predict(booster, rows)),
        input_example=rows,
        # Set explicitly, because MLflow would infer them by loading the model in a new process, for many seconds.
        pip_requirements=[f"lightgbm=={lightgbm.__version__}", f"numpy=={np.__version__}"],
        metadata={"feature_service": SERVICE, "feature_service_fingerprint": mark, "entity_keys": KEYS},
    )


def create(
    mlflow_client: MlflowClient, name: str, info: ModelInfo, run_id: str, tags: Mapping[str, str]
) -> ModelVersion:
    """Register a logged model as the next version of `name`."""
    ensure_registered_model(mlflow_client, name)
    return mlflow_client.create_model_version(
        name, source=info.model_uri, run_id=run_id, model_id=info.model_id, tags=dict(tags)
    )


def ensure_registered_model(mlflow_client: MlflowClient, name: str) -> None:
    """Create the registered model unless it exists."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow_client.create_registered_model(
            name, description="Probability that a flight from New York arrives more than 15 minutes late"
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
