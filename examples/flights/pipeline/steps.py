"""Code of the pipeline's steps: each reads files, writes files, and logs a run in MLflow."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from examples.flights import bucket, dataset, environment, model, train, versions
from examples.flights.features.catalog import SERVICE
from examples.flights.parameters import Parameters, Training, parameters
from examples.flights.pipeline import mounts, tracking
from examples.flights.pipeline.lineage import RUN_TAG, Lineage

if TYPE_CHECKING:
    from lightgbm import Booster

log = logging.getLogger("flights.pipeline")

BEGAN = "flights pipeline: user code began"
"""First line of every step's log; the time before it is overhead of the platform."""


class SnapshotError(Exception):
    """The feature tables differ from those in the run's arguments."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Result of `load`.

    Attributes:
        data_digest: Digest of the feature tables.
        data_as_of: Time of the snapshot in the feature tables.
        feature_service_version: Fingerprint of the feature service.
        base_rate: Share of late flights in the training set.
        train_rows: Number of training flights.
        test_rows: Number of test flights.
    """

    data_digest: str
    data_as_of: str
    feature_service_version: str
    base_rate: float
    train_rows: int
    test_rows: int


def begin(step: str) -> None:
    """Prepare the process for a step: log format, first line of the log, mounted settings."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    logging.getLogger("flights").setLevel(logging.INFO)
    log.info("%s (%s)", BEGAN, step)
    mounts.read()


def with_training(params: Parameters, **changes: object) -> Parameters:
    """Return the workload's parameters with changed training parameters; other names are parameters of LightGBM."""
    names = {name for name in changes if name in Training.__dataclass_fields__}
    lightgbm = {**params.training.lightgbm, **{name: value for name, value in changes.items() if name not in names}}
    plain = {name: changes[name] for name in names}
    return replace(params, training=replace(params.training, lightgbm=lightgbm, **plain))  # type: ignore[arg-type]


def check_snapshot(wanted: str, found: str, where: str) -> None:
    """Refuse feature tables with another digest than `wanted`; accept any when `wanted` is empty.

    Raises:
        SnapshotError: The digests differ; names both.
    """
    if wanted and wanted != found:
        raise SnapshotError(
            f"the run needs feature tables {wanted[:12]}, {where} contains {found[:12]}; submit the run again"
        )


def load(snapshot: str, train_rows: int, test_rows: int, train_file: Path, test_file: Path) -> Loaded:
    """Sample the flights, join the features known at their departure, and write both sets as Parquet.

    Args:
        snapshot: Digest of the feature tables that must be used; any tables when empty.
        train_rows: Number of training flights.
        test_rows: Number of test flights.
        train_file: Path of the training set.
        test_file: Path of the test set.

    Raises:
        SnapshotError: The features bucket contains other tables.
        FeatureServiceError: The registered feature service differs from this code's definitions.
    """
    begin("load-features")
    where = environment.read()
    folder = where.features
    manifest = folder.manifest()
    if not manifest:
        raise FileNotFoundError(
            f"bucket {where.features_bucket} contains no feature tables; run `mlp workload run flights`"
        )
    check_snapshot(snapshot, manifest["digest"], f"bucket {where.features_bucket}")
    params = with_training(parameters(), train_rows=train_rows, test_rows=test_rows)
    from examples.flights import registry

    mark = registry.checked_fingerprint(registry.open_store(where))
    with tracking.step_run(params.experiment, "load-features"):
        import mlflow

        split = train.load(folder, params)
        found = Loaded(
            data_digest=manifest["digest"],
            data_as_of=manifest["as_of"],
            feature_service_version=mark,
            base_rate=float(split.train["late"].mean()),
            train_rows=len(split.train),
            test_rows=len(split.test),
        )
        mlflow.log_params(
            {
                "data_digest": found.data_digest,
                "data_as_of": found.data_as_of,
                "feature_service": SERVICE,
                "feature_service_fingerprint": mark,
                "seed": params.training.seed,
            }
        )
        mlflow.log_metrics({"train_rows": found.train_rows, "test_rows": found.test_rows, "base_rate": found.base_rate})
    for rows, file in ((split.train, train_file), (split.test, test_file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(file, index=False, compression="zstd")
    return found


def fit(train_file: Path, model_file: Path, *, rounds: int, learning_rate: float, num_leaves: int, seed: int) -> str:
    """Train the model and write it in LightGBM's text format; return its digest."""
    begin("train")
    import pandas as pd

    params = with_training(parameters(), rounds=rounds, seed=seed, learning_rate=learning_rate, num_leaves=num_leaves)
    with tracking.step_run(params.experiment, "train"):
        import mlflow

        rows = pd.read_parquet(train_file)
        mlflow.log_params({**params.training.lightgbm, "rounds": rounds, "seed": seed})
        booster = train.fit(rows, params)
        mlflow.log_metrics({"trees": booster.num_trees(), "train_rows": len(rows)})
    text = booster.model_to_string()
    model_file.parent.mkdir(parents=True, exist_ok=True)
    model_file.write_text(text)
    return bucket.sha256(text.encode())


def evaluate(
    model_file: Path,
    test_file: Path,
    base_rate: float,
    roc_file: Path,
    calibration_file: Path,
    *,
    min_auc: float,
    min_brier_skill: float,
) -> model.Quality:
    """Evaluate the model, draw its plots, and stop the pipeline when it fails the quality gate.

    Args:
        model_file: Path of the model.
        test_file: Path of the test set.
        base_rate: Share of late flights in the training set.
        roc_file: Path of the ROC plot, a PNG.
        calibration_file: Path of the calibration plot, a PNG.
        min_auc: Quality gate: smallest area under the ROC curve.
        min_brier_skill: Quality gate: smallest Brier skill.

    Raises:
        QualityGateError: The model fails the quality gate; metrics and plots are in MLflow.
    """
    begin("evaluate")
    import pandas as pd

    with tracking.step_run(parameters().experiment, "evaluate"):
        import mlflow

        quality = train.judge(read_model(model_file), pd.read_parquet(test_file), base_rate)
        mlflow.log_metrics(quality.metrics)
        for (name, figure), file in zip(
            sorted(model.figures(quality).items()), (calibration_file, roc_file), strict=True
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(file, format="png", dpi=110)
            mlflow.log_figure(figure, name)
        gate(quality.metrics, min_auc, min_brier_skill)
    return quality


def gate(metrics: dict[str, float], min_auc: float, min_brier_skill: float) -> None:
    """Check the quality gate.

    Raises:
        QualityGateError: The model fails; the text names every metric below its limit.
    """
    missing = model.shortcomings(metrics, replace(parameters(), min_auc=min_auc, min_brier_skill=min_brier_skill))
    if missing:
        raise train.QualityGateError(f"quality gate: {'; '.join(missing)}")
    log.info("the model passes the quality gate")


def read_model(file: Path) -> Booster:
    """Return the model that `fit` wrote."""
    from lightgbm import Booster

    return Booster(model_str=file.read_text())


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Lineage from the earlier steps; fields as in `Lineage`."""

    pipeline_id: str
    data_digest: str
    data_as_of: str
    feature_service_version: str
    git_commit: str


def register(model_file: Path, test_file: Path, metrics: dict[str, float], origin: Origin, alias: str) -> str:
    """Log the model, register it as a version with its lineage, and set the alias; return the version.

    A retry reuses a version that an interrupted attempt of this pipeline run registered.

    Raises:
        FeatureServiceError: The feature service has changed since the features were loaded.
    """
    begin("register")
    import pandas as pd

    from examples.flights import registry

    mark = registry.fingerprint(registry.open_store(environment.read()))
    if mark != origin.feature_service_version:
        raise registry.FeatureServiceError(
            f"feature service {SERVICE} is version {mark}, the features were loaded from version "
            f"{origin.feature_service_version}; submit the run again"
        )
    params, client = parameters(), versions.client()
    with tracking.step_run(params.experiment, "register") as run:
        import mlflow

        booster, test = read_model(model_file), pd.read_parquet(test_file)
        lineage = Lineage(
            run_id=tracking.pipeline_run_id(),
            pipeline_id=origin.pipeline_id,
            data_digest=origin.data_digest,
            data_as_of=origin.data_as_of,
            feature_service_version=origin.feature_service_version,
            git_commit=origin.git_commit,
            model_digest=bucket.sha256(booster.model_to_string().encode()),
        )
        version = registered(client, params.registered_model, lineage.run_id)
        if version is None:
            mlflow.log_metrics(metrics)
            mlflow.log_dict(dataset.requests(test, versions.REQUESTS), versions.REQUESTS_FILE)
            info = versions.log_model(booster, versions.example(test), mark)
            made = versions.create(client, params.registered_model, info, run.info.run_id, lineage.tags())
            version = str(made.version)
        client.set_registered_model_alias(params.registered_model, alias, version)
        mlflow.set_tags({"registered_version": version, "lineage": json.dumps(lineage.tags(), sort_keys=True)})
        log.info("version %s is %s@%s", version, params.registered_model, alias)
    return version


def registered(client: object, name: str, run_id: str) -> str | None:
    """Return the version that pipeline run `run_id` has registered; None before that."""
    found = client.search_model_versions(f"name='{name}' and tag.{RUN_TAG}='{run_id}'")  # type: ignore[attr-defined]
    return str(found[0].version) if found else None
