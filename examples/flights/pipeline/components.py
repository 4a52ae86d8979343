"""Defines the steps as kfp components. Their bodies are compiled into the pipeline, so they only call `steps`."""

# ruff: noqa: ANN201 -- kfp reads the annotations at run time as the types of artifacts

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

IMAGE = "image.of/job:filled-at-submission"
"""Placeholder in the compiled pipeline for the image of the checkout or the release."""

component = dsl.component(base_image=IMAGE, install_kfp_package=False)


@component
def load_features(
    snapshot: str,
    fresh: str,
    train_rows: int,
    test_rows: int,
    train_set: Output[Dataset],
    test_set: Output[Dataset],
) -> NamedTuple(  # type: ignore[valid-type]
    "Loaded", [("data_digest", str), ("data_as_of", str), ("feature_service_version", str), ("base_rate", float)]
):
    """Sample flights and join the features known at their departure (point-in-time join of Feast)."""
    from pathlib import Path

    from examples.flights.pipeline import steps

    found = steps.load(snapshot, train_rows, test_rows, Path(train_set.path), Path(test_set.path))
    for part, rows in ((train_set, found.train_rows), (test_set, found.test_rows)):
        part.metadata.update(rows=rows, data_digest=found.data_digest, data_as_of=found.data_as_of)
        part.metadata["feature_service_version"] = found.feature_service_version
    return found.data_digest, found.data_as_of, found.feature_service_version, found.base_rate


@component
def train(
    rounds: int,
    learning_rate: float,
    num_leaves: int,
    seed: int,
    train_set: Input[Dataset],
    model: Output[Model],
):
    """Train the model."""
    from pathlib import Path

    from examples.flights.pipeline import steps

    digest = steps.fit(
        Path(train_set.path),
        Path(model.path),
        rounds=rounds,
        learning_rate=learning_rate,
        num_leaves=num_leaves,
        seed=seed,
    )
    model.metadata.update(framework="lightgbm", digest=digest)


@component
def evaluate(
    base_rate: float,
    min_auc: float,
    min_brier_skill: float,
    model: Input[Model],
    test_set: Input[Dataset],
    metrics: Output[Metrics],
    roc: Output[ClassificationMetrics],
    roc_plot: Output[Artifact],
    calibration_plot: Output[Artifact],
) -> dict[str, float]:
    """Evaluate the model on later flights; fail when it does not pass the quality gate."""
    from pathlib import Path

    from examples.flights.pipeline import steps

    quality = steps.evaluate(
        Path(model.path),
        Path(test_set.path),
        base_rate,
        Path(roc_plot.path),
        Path(calibration_plot.path),
        min_auc=min_auc,
        min_brier_skill=min_brier_skill,
    )
    for name, value in quality.metrics.items():
        metrics.log_metric(name, value)
    stride = max(len(quality.roc[0]) // 200, 1)
    false_rate, true_rate = (rates[::stride].tolist() for rates in quality.roc)
    roc.log_roc_curve(false_rate, true_rate, [1.0] * len(false_rate))
    return quality.metrics


@component
def register(
    metrics: dict[str, float],
    pipeline_id: str,
    data_digest: str,
    data_as_of: str,
    feature_service_version: str,
    git_commit: str,
    alias: str,
    model: Input[Model],
    test_set: Input[Dataset],
) -> str:
    """Register the model in MLflow with signature, lineage and alias; return the version."""
    from pathlib import Path

    from examples.flights.pipeline import steps

    origin = steps.Origin(
        pipeline_id=pipeline_id,
        data_digest=data_digest,
        data_as_of=data_as_of,
        feature_service_version=feature_service_version,
        git_commit=git_commit,
    )
    return steps.register(Path(model.path), Path(test_set.path), metrics, origin, alias)
