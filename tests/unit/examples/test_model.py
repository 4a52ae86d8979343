"""The model: reproducible, compared with the base rate, and not deployed when it fails the quality gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from examples.flights import model
from examples.flights.features.catalog import FEATURE_NAMES
from examples.flights.parameters import parameters

PARAMS = parameters()
TRAINING = replace(PARAMS.training, rounds=20)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    source = np.random.default_rng(1)
    values = source.normal(size=(2000, len(FEATURE_NAMES)))
    values[source.random(values.shape) < 0.1] = np.nan
    late = (np.nan_to_num(values[:, 0]) + source.normal(size=2000) > 1).astype("int64")
    return pd.DataFrame(values, columns=FEATURE_NAMES).assign(late=late)


def test_same_rows_give_the_same_model(rows: pd.DataFrame) -> None:
    first, second = (model.fit(rows, TRAINING).model_to_string() for _ in range(2))
    assert first == second
    other = model.fit(rows, replace(TRAINING, seed=TRAINING.seed + 1)).model_to_string()
    assert other != first


def test_columns_are_selected_by_name(rows: pd.DataFrame) -> None:
    booster = model.fit(rows, TRAINING)
    assert booster.feature_name() == FEATURE_NAMES
    shuffled = rows[[*reversed(FEATURE_NAMES), "late"]]
    assert (model.predict(booster, shuffled) == model.predict(booster, rows)).all()


def test_quality_of_a_perfect_a_constant_and_a_wrong_model() -> None:
    late = np.array([0, 0, 0, 1] * 50)
    perfect = model.evaluate(np.where(late == 1, 0.999, 0.001), late, 0.25).metrics
    constant = model.evaluate(np.full(200, 0.25), late, 0.25).metrics
    wrong = model.evaluate(np.where(late == 1, 0.1, 0.9), late, 0.25).metrics
    assert perfect["auc"] == 1.0
    assert perfect["brier_skill"] > 0.99
    assert constant["auc"] == 0.5
    assert constant["brier_skill"] == pytest.approx(0)
    assert wrong["brier_skill"] < 0
    assert wrong["calibration_error"] > perfect["calibration_error"]


@pytest.mark.parametrize(
    ("auc", "skill", "reasons"),
    [
        (0.74, 0.16, []),
        (0.5, 0.16, ["auc is 0.5000, at least 0.7 is required"]),
        (0.74, 0.0, ["brier_skill is 0.0000, at least 0.1 is required"]),
        (float("nan"), 0.16, ["auc is nan, at least 0.7 is required"]),
    ],
)
def test_gate(auc: float, skill: float, reasons: list[str]) -> None:
    assert model.shortcomings({"auc": auc, "brier_skill": skill}, PARAMS) == reasons


def test_figures_are_drawn() -> None:
    late = np.array([0, 0, 0, 1] * 50)
    figures = model.figures(model.evaluate(np.where(late == 1, 0.7, 0.2), late, 0.25))
    assert set(figures) == {"roc.png", "calibration.png"}
    assert all(len(figure.axes[0].lines) == 2 for figure in figures.values())
