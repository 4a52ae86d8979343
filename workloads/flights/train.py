"""Step `train`: training set, model, evaluation and registration in MLflow."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workloads.flights import bucket, dataset, model, registry
from workloads.flights.bucket import Folder
from workloads.flights.environment import Environment
from workloads.flights.features.catalog import FEATURE_NAMES, KEYS, SERVICE
from workloads.flights.parameters import Parameters, digest_of_files

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore
    from lightgbm import Booster
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("flights.train")

CODE = ("parameters.yaml", "features/catalog.yaml", "dataset.py", "model.py", "train.py")
"""Files that decide, with the data, which model comes out."""

IDENTITY_TAG = "training_identity"
REQUESTS = 256
"""Requests logged for load tests and checks: different keys, all of them known online."""


class QualityGateError(Exception):
    """The model is too poor to be deployed; it is registered without the alias."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model with what it was made from and how good it is."""

    booster: Booster
    quality: model.Quality
    example: pd.DataFrame
    requests: list[dict[str, str]]
    tags: dict[str, str]


def client() -> MlflowClient:
    """Return a client of the tracking server that MLFLOW_TRACKING_URI names."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    return MlflowClient()


def champion(mlflow_client: MlflowClient, params: Parameters) -> ModelVersion | None:
    """Return the registered version behind the alias; None when there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return mlflow_client.get_model_version_by_alias(params.registered_model, params.alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def make(folder: Folder, params: Parameters, tags: Mapping[str, str]) -> Trained:
    """Draw and join the training set, fit the model and judge it.

    Args:
        folder: The features bucket.
        params: The workload's numbers.
        tags: What the registered version is to carry.
    """
    import pandas as pd

    labels = pd.read_parquet(io.BytesIO(folder.read("labels.parquet")))
    split = dataset.sample(labels, params.training)
    started = time.monotonic()
    rows = dataset.join(pd.concat([split.train, split.test], ignore_index=True), registry.read_tables(folder))
    train, test = rows.iloc[: len(split.train)], rows.iloc[len(split.train) :]
    log.info("joined %d flights in %.1f s", len(rows), time.monotonic() - started)
    started = time.monotonic()
    booster = model.fit(train, params.training)
    log.info("grew %d trees in %.1f s", booster.num_trees(), time.monotonic() - started)
    quality = model.evaluate(model.predict(booster, test), test["late"].to_numpy(), float(train["late"].mean()))
    return Trained(
        booster=booster,
        quality=quality,
        example=test[FEATURE_NAMES].head(4).reset_index(drop=True),
        requests=dataset.requests(split.test, REQUESTS),
        tags={**tags, "model_digest": bucket.sha256(booster.model_to_string().encode())},
    )


def register(trained: Trained, params: Parameters, mark: str) -> ModelVersion:
    """Log run, model and evaluation, and register the model; the alias only moves when the gate is passed.

    Args:
        trained: What `make` returned.
        params: The workload's numbers.
        mark: Fingerprint of the feature service, for serving to compare.

    Raises:
        QualityGateError: The model is below a line of the gate.
    """
    import lightgbm
    import mlflow
    import numpy as np
    from mlflow.models import infer_signature

    mlflow_client = client()
    mlflow.set_experiment(params.experiment)
    missing = model.shortcomings(trained.quality.metrics, params)
    with mlflow.start_run(tags=trained.tags) as run:
        mlflow.log_params({**params.training.lightgbm, "rounds": params.training.rounds, "seed": params.training.seed})
        mlflow.log_metrics(trained.quality.metrics)
        for name, figure in model.figures(trained.quality).items():
            mlflow.log_figure(figure, name)
        mlflow.log_dict(trained.requests, "serving_requests.json")
        gains = trained.booster.feature_importance("gain").tolist()
        mlflow.log_dict(dict(zip(FEATURE_NAMES, gains, strict=True)), "feature_importance.json")
        info = mlflow.lightgbm.log_model(
            trained.booster,
            name="model",
            signature=infer_signature(trained.example, model.predict(trained.booster, trained.example)),
            input_example=trained.example,
            # Named here because inferring them loads the model in a process of its own, for many seconds.
            pip_requirements=[f"lightgbm=={lightgbm.__version__}", f"numpy=={np.__version__}"],
            metadata={"feature_service": SERVICE, "feature_service_fingerprint": mark, "entity_keys": KEYS},
        )
    ensure_registered_model(mlflow_client, params.registered_model)
    version = mlflow_client.create_model_version(
        params.registered_model,
        source=info.model_uri,
        run_id=run.info.run_id,
        model_id=info.model_id,
        tags={**trained.tags, "quality_gate": "failed" if missing else "passed"},
    )
    log.info("registered %s version %s", params.registered_model, version.version)
    if missing:
        raise QualityGateError(f"version {version.version} stays without alias: {'; '.join(missing)}")
    mlflow_client.set_registered_model_alias(params.registered_model, params.alias, version.version)
    log.info("version %s is %s@%s", version.version, params.registered_model, params.alias)
    return version


def ensure_registered_model(mlflow_client: MlflowClient, name: str) -> None:
    """Create the registered model unless it is there."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow_client.create_registered_model(
            name, description="Probability that a flight from New York arrives more than 15 minutes late"
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def run(environment: Environment, params: Parameters, store: FeatureStore, manifest: Mapping[str, Any]) -> ModelVersion:
    """Train, evaluate and register, unless the champion was made from the same data, definitions and code.

    Raises:
        QualityGateError: The model is below a line of the gate.
    """
    mark = registry.fingerprint(store)
    identity = bucket.combined({"data": manifest["digest"], "features": mark, "code": digest_of_files(*CODE)})
    current = champion(client(), params)
    if current is not None and current.tags.get(IDENTITY_TAG) == identity:
        log.info("champion is version %s, made from the same data and code already", current.version)
        return current
    tags = {IDENTITY_TAG: identity, "data_digest": manifest["digest"], "data_as_of": manifest["as_of"]}
    tags |= {"feature_service": SERVICE, "feature_service_fingerprint": mark}
    if environment.git_commit:
        tags["mlflow.source.git.commit"] = environment.git_commit
    folder = Folder(environment.features_bucket, environment.endpoint)
    trained = make(folder, params, tags)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in trained.quality.metrics.items() if value < 2)
    log.info("on later flights: %s", shown)
    return register(trained, params, mark)
