"""What the pipeline's steps do: files in, files out, and a run in MLflow each."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from examples.flights import bucket, dataset, environment, model, train, versions
from examples.flights.bucket import Folder
from examples.flights.features.catalog import SERVICE
from examples.flights.parameters import Parameters, Training, parameters
from examples.flights.pipeline import mounts, tracking
from examples.flights.pipeline.lineage import RUN_TAG, Lineage

if TYPE_CHECKING:
    from lightgbm import Booster

log = logging.getLogger("flights.pipeline")

BEGAN = "flights pipeline: user code began"
"""First line of every step's log; the time until it is what the platform adds to a step."""


class SnapshotError(Exception):
    """The feature tables are not those that the run was asked to use."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What `load` found.

    Attributes:
        data_digest: Digest of the feature tables.
        data_as_of: Instant at which those stand.
        feature_service_version: Fingerprint of the feature service.
        base_rate: Share of late flights in the training set.
        train_rows: Flights to learn from.
        test_rows: Flights to judge by.
    """

    data_digest: str
    data_as_of: str
    feature_service_version: str
    base_rate: float
    train_rows: int
    test_rows: int


def begin(step: str) -> None:
    """Set the process up as a step: first line of the log, mounted settings, log format."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    logging.getLogger("flights").setLevel(logging.INFO)
    log.info("%s (%s)", BEGAN, step)
    mounts.read()


def with_training(params: Parameters, **changes: object) -> Parameters:
    """Return the workload's parameters with some of training's; LightGBM's by their own names."""
    names = {name for name in changes if name in Training.__dataclass_fields__}
    lightgbm = {**params.training.lightgbm, **{name: value for name, value in changes.items() if name not in names}}
    plain = {name: changes[name] for name in names}
    return replace(params, training=replace(params.training, lightgbm=lightgbm, **plain))  # type: ignore[arg-type]


def check_snapshot(wanted: str, found: str, where: str) -> None:
    """Refuse feature tables other than those that were asked for; any will do when `wanted` is empty.

    Raises:
        SnapshotError: They are others; with both digests.
    """
    if wanted and wanted != found:
        raise SnapshotError(
            f"the run was asked to use feature tables {wanted[:12]}, {where} holds {found[:12]}; submit it again"
        )


def load(snapshot: str, train_rows: int, test_rows: int, train_file: Path, test_file: Path) -> Loaded:
    """Draw the flights, join to each what was known at its departure, and write both parts as parquet.

    Args:
        snapshot: Digest of the feature tables that must be used; whatever there is when empty.
        train_rows: Flights to learn from.
        test_rows: Flights to judge by.
        train_file: Where the former are written.
        test_file: Where the latter are written.

    Raises:
        SnapshotError: The features bucket holds other tables.
        FeatureServiceError: The registered feature service is not the one of this code.
    """
    begin("load-features")
    where = environment.read()
    folder = Folder(where.features_bucket, where.endpoint)
    manifest = folder.manifest()
    if not manifest:
        raise FileNotFoundError(f"bucket {where.features_bucket} holds no features; run `mlp workload run flights`")
    check_snapshot(snapshot, manifest["digest"], f"bucket {where.features_bucket}")
    params = with_training(parameters(), train_rows=train_rows, test_rows=test_rows)
    from examples.flights import registry

    mark = registry.consistent(registry.open_store(where))
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
    """Grow the model and write it in LightGBM's text form; return its digest."""
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
    """Judge the model, draw its plots, and stop the pipeline where it is too poor.

    Args:
        model_file: What `fit` wrote.
        test_file: Flights to judge by.
        base_rate: Share of late flights in the training set.
        roc_file: Where the ROC plot is written, as PNG.
        calibration_file: Where the calibration plot is written, as PNG.
        min_auc: Quality gate: least area under the ROC curve.
        min_brier_skill: Quality gate: least Brier skill.

    Raises:
        QualityGateError: The model is too poor; metrics and plots are in MLflow all the same.
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
    """Stop the pipeline at a model that is too poor.

    Raises:
        QualityGateError: It is; the text names every line it is below.
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
    """What the steps before know of a model's origin; fields as in `Lineage`."""

    pipeline_id: str
    data_digest: str
    data_as_of: str
    feature_service_version: str
    git_commit: str


def register(model_file: Path, test_file: Path, metrics: dict[str, float], origin: Origin, alias: str) -> str:
    """Log the model, register it as a version with its lineage, and give it the alias; return the version.

    A version that this pipeline run registered before it was interrupted is taken up, so that a retry makes no second.

    Raises:
        FeatureServiceError: The feature service changed since the features were loaded.
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
    """Return the version that pipeline run `run_id` registered already; None when there is none."""
    found = client.search_model_versions(f"name='{name}' and tag.{RUN_TAG}='{run_id}'")  # type: ignore[attr-defined]
    return str(found[0].version) if found else None
