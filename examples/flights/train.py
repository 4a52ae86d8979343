"""Step `train`: builds the training set, trains, evaluates, and registers the model in MLflow, in one process."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.flights import bucket, dataset, model, registry, versions
from examples.flights.bucket import Folder
from examples.flights.environment import Environment
from examples.flights.features.catalog import SERVICE
from examples.flights.parameters import Parameters, digest_of_files

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore
    from lightgbm import Booster
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("flights.train")

CODE = ("parameters.yaml", "features/catalog.yaml", "dataset.py", "model.py", "versions.py", "train.py")
"""Files that determine the model, together with the data."""

IDENTITY_TAG = "training_identity"


class QualityGateError(Exception):
    """The model fails the quality gate; its version gets no alias."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model with its quality, an input example, requests and tags."""

    booster: Booster
    quality: model.Quality
    example: pd.DataFrame
    requests: list[dict[str, str]]
    tags: dict[str, str]


def load(folder: Folder, params: Parameters) -> dataset.Split:
    """Sample the flights and join the features known at their scheduled departure.

    Args:
        folder: Folder in the features bucket.
        params: Parameters of the workload.
    """
    import pandas as pd

    labels = pd.read_parquet(io.BytesIO(folder.read("labels.parquet")))
    started = time.monotonic()
    split = dataset.training_set(labels, registry.read_tables(folder), params.training)
    log.info("joined %d flights in %.1f s", len(split.train) + len(split.test), time.monotonic() - started)
    return split


def fit(train: pd.DataFrame, params: Parameters) -> Booster:
    """Return the model trained on `train`."""
    started = time.monotonic()
    booster = model.fit(train, params.training)
    log.info("trained %d trees in %.1f s", booster.num_trees(), time.monotonic() - started)
    return booster


def judge(booster: Booster, test: pd.DataFrame, base_rate: float) -> model.Quality:
    """Evaluate the model on flights that departed after the training flights.

    Args:
        booster: The model.
        test: Test flights.
        base_rate: Share of late flights in the training set.
    """
    quality = model.evaluate(model.predict(booster, test), test["late"].to_numpy(), base_rate)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in quality.metrics.items() if value < 2)
    log.info("quality on later flights: %s", shown)
    return quality


def make(folder: Folder, params: Parameters, tags: Mapping[str, str]) -> Trained:
    """Build the training set, train the model and evaluate it.

    Args:
        folder: Folder in the features bucket.
        params: Parameters of the workload.
        tags: Tags of the registered version.
    """
    split = load(folder, params)
    booster = fit(split.train, params)
    return Trained(
        booster=booster,
        quality=judge(booster, split.test, float(split.train["late"].mean())),
        example=versions.example(split.test),
        requests=dataset.requests(split.test, versions.REQUESTS),
        tags={**tags, "model_digest": bucket.sha256(booster.model_to_string().encode())},
    )


def register(trained: Trained, params: Parameters, mark: str) -> ModelVersion:
    """Log run, model and evaluation, and register the model; make it the candidate only when it passes the gate.

    Args:
        trained: Result of `make`.
        params: Parameters of the workload.
        mark: Fingerprint of the feature service; the predictor compares it.

    Raises:
        QualityGateError: The model fails the quality gate.
    """
    mlflow_client = versions.client()
    import mlflow

    mlflow.set_experiment(params.experiment)
    missing = model.shortcomings(trained.quality.metrics, params)
    with mlflow.start_run(tags=trained.tags) as run:
        mlflow.log_params({**params.training.lightgbm, "rounds": params.training.rounds, "seed": params.training.seed})
        mlflow.log_metrics(trained.quality.metrics)
        for name, figure in model.figures(trained.quality).items():
            mlflow.log_figure(figure, name)
        mlflow.log_dict(trained.requests, versions.REQUESTS_FILE)
        info = versions.log_model(trained.booster, trained.example, mark)
    tags = {**trained.tags, "quality_gate": "failed" if missing else "passed"}
    version = versions.create(mlflow_client, params.registered_model, info, run.info.run_id, tags)
    log.info("registered %s version %s", params.registered_model, version.version)
    if missing:
        raise QualityGateError(f"version {version.version} fails the quality gate: {'; '.join(missing)}")
    mlflow_client.set_registered_model_alias(params.registered_model, params.candidate, version.version)
    log.info("version %s is %s@%s", version.version, params.registered_model, params.candidate)
    return version


def run(environment: Environment, params: Parameters, store: FeatureStore, manifest: Mapping[str, Any]) -> ModelVersion:
    """Train, evaluate and register, unless candidate or champion were trained on the same data, definitions and code.

    Raises:
        QualityGateError: The model fails the quality gate.
    """
    mark = registry.fingerprint(store)
    identity = bucket.combined({"data": manifest["digest"], "features": mark, "code": digest_of_files(*CODE)})
    mlflow_client = versions.client()
    for alias in (params.candidate, params.alias):
        current = versions.by_alias(mlflow_client, params.registered_model, alias)
        if current is not None and current.tags.get(IDENTITY_TAG) == identity:
            log.info("the %s, version %s, was already trained on the same data and code", alias, current.version)
            mlflow_client.set_registered_model_alias(params.registered_model, params.candidate, current.version)
            return current
    tags = {IDENTITY_TAG: identity, "data_digest": manifest["digest"], "data_as_of": manifest["as_of"]}
    tags |= {"feature_service": SERVICE, "feature_service_fingerprint": mark}
    if environment.git_commit:
        tags["mlflow.source.git.commit"] = environment.git_commit
    folder = environment.features
    return register(make(folder, params, tags), params, mark)
