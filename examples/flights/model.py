"""Trains the LightGBM model and evaluates it on later flights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from examples.flights.features.catalog import FEATURE_NAMES
from examples.flights.parameters import Parameters, Training

if TYPE_CHECKING:
    from lightgbm import Booster
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Quality of the model on the test flights.

    Attributes:
        metrics: `auc`, `log_loss`, `brier`, `brier_skill` (1 - Brier / Brier of the base rate), `calibration_error`
            (mean distance of predicted and observed share over ten equally filled bins), `base_rate`, `test_rows`.
        roc: False and true positive rates.
        calibration: Mean prediction and observed share of late flights by bin.
    """

    metrics: dict[str, float]
    roc: tuple[Floats, Floats]
    calibration: tuple[Floats, Floats]


def fit(train: pd.DataFrame, training: Training) -> Booster:
    """Return the trained model; equal rows give an equal model, byte for byte."""
    import lightgbm

    data = lightgbm.Dataset(
        train[FEATURE_NAMES].to_numpy(dtype=np.float64), label=train["late"].to_numpy(), feature_name=FEATURE_NAMES
    )
    return lightgbm.train({**training.lightgbm, "seed": training.seed}, data, num_boost_round=training.rounds)


def predict(booster: Booster, rows: pd.DataFrame) -> Floats:
    """Return the probability of being late for each row."""
    return np.asarray(booster.predict(rows[FEATURE_NAMES].to_numpy(dtype=np.float64), num_threads=1), dtype=np.float64)


def evaluate(probability: Floats, late: npt.NDArray[np.int64], base_rate: float) -> Quality:
    """Return the quality of predicted probabilities.

    Args:
        probability: Predicted probabilities.
        late: Outcomes, 0 or 1.
        base_rate: Share of late flights in the training set; the baseline model always predicts it.
    """
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, BINS)
    predicted = np.array([probability[rows].mean() for rows in bins])
    observed = np.array([late[rows].mean() for rows in bins])
    brier = float(brier_score_loss(late, probability))
    false_rate, true_rate, _ = roc_curve(late, probability)
    return Quality(
        metrics={
            "auc": float(roc_auc_score(late, probability)),
            "log_loss": float(log_loss(late, probability)),
            "brier": brier,
            "brier_skill": 1 - brier / float(np.mean((late - base_rate) ** 2)),
            "calibration_error": float(np.abs(predicted - observed).mean()),
            "base_rate": base_rate,
            "test_rows": float(len(late)),
        },
        roc=(np.asarray(false_rate), np.asarray(true_rate)),
        calibration=(predicted, observed),
    )


def shortcomings(metrics: dict[str, float], params: Parameters) -> list[str]:
    """Return why a model fails the quality gate; empty when it passes."""
    lines = {"auc": params.min_auc, "brier_skill": params.min_brier_skill}
    return [
        f"{name} is {metrics[name]:.4f}, at least {least:g} is required"
        for name, least in lines.items()
        if not metrics[name] >= least
    ]


def figures(quality: Quality) -> dict[str, Figure]:
    """Return the plots of an evaluation by file name."""
    from matplotlib.figure import Figure

    def chart(title: str, x: str, y: str) -> Figure:
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x, ylabel=y)
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
        return figure

    roc = chart(f"ROC, AUC {quality.metrics['auc']:.3f}", "False positive rate", "True positive rate")
    roc.axes[0].plot(*quality.roc)
    calibration = chart("Calibration on later flights", "Predicted probability", "Share of late flights")
    calibration.axes[0].plot(*quality.calibration, marker="o")
    return {"roc.png": roc, "calibration.png": calibration}
