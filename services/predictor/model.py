"""Loads the MLflow model folder in `/mnt/models` and applies the model, natively if its flavour allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import yaml

from services.predictor.errors import ModelError


class Predictor(Protocol):
    """Applies a model.

    Attributes:
        native: Whether it is fast enough for the event loop and only accepts numbers.
        platform: Platform in the model metadata of the V2 protocol.
    """

    native: bool
    platform: str

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """Return one number per row; a row holds the values of the model's columns in order, None for a null."""
        ...


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model.

    Attributes:
        version: Version in the registry, or the ID of the logged model if the folder has no version.
        columns: Input columns of the model's signature, in order.
        feature_service: Feast feature service that it was trained on, if recorded.
        trained_on: Fingerprint of that service at training time, if recorded.
        predictor: Applies the model.
    """

    version: str
    columns: tuple[str, ...]
    feature_service: str | None
    trained_on: str | None
    predictor: Predictor


class LightGBM:
    """A LightGBM booster with one output, called directly, without MLflow and pandas."""

    native = True
    platform = "mlflow_lightgbm"

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        import lightgbm

        self._booster = lightgbm.Booster(model_file=str(file))
        names = self._booster.feature_name()
        if self._booster.num_feature() != len(columns):
            raise ModelError(
                f"the booster has {self._booster.num_feature()} columns, the model's signature has {len(columns)}"
            )
        unnamed = [f"Column_{place}" for place in range(len(columns))]
        if names not in (unnamed, list(columns)):
            wrong = next(
                f"{name!r} for {column!r}" for name, column in zip(names, columns, strict=True) if name != column
            )
            raise ModelError(f"the booster's columns differ from the signature: {wrong}")
        if self._booster.num_model_per_iteration() != 1:
            raise ModelError("the booster has several outputs; only one probability can be served")
        if self._booster.pandas_categorical:
            raise ModelError("the booster was trained on pandas categories; only numeric columns can be served")

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """Return the booster's output for each row; a null is NaN."""
        matrix = np.array([[math.nan if value is None else value for value in row] for row in rows], dtype=np.float64)
        # Use one thread: the model is small, and more threads would compete with the event loop for the pod's CPU.
        return self._booster.predict(matrix, num_threads=1, validate_features=False).tolist()  # type: ignore[union-attr]


class PyFunc:
    """A model of any other flavour, applied through `mlflow.pyfunc`."""

    native = False
    platform = "mlflow_pyfunc"

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        try:
            import mlflow.pyfunc
            import pandas as pd
        except ImportError as error:
            raise ModelError(f"without mlflow, only the lightgbm flavour can be served: {error}") from error
        self._frame: Any = pd.DataFrame
        self._columns = list(columns)
        self._model = mlflow.pyfunc.load_model(str(folder))

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """Return the model's only output for each row."""
        output = np.asarray(self._model.predict(self._frame(list(rows), columns=self._columns)), dtype=np.float64)
        if output.size != len(rows):
            raise ModelError(f"the model returned {output.size} numbers for {len(rows)} rows; expected one per row")
        return output.reshape(-1).tolist()


def load(folder: Path, version: str | None = None) -> Model:
    """Load an MLflow model folder.

    Args:
        folder: Folder with the `MLmodel` file.
        version: Version to report instead of the folder's.

    Raises:
        ModelError: The folder is not a servable model.
    """
    document = _read_yaml(folder / "MLmodel")
    if document is None:
        raise ModelError(f"{folder} has no MLmodel file")
    columns = _columns(document, folder)
    metadata = document.get("metadata") or {}
    flavors = document.get("flavors") or {}
    native = flavors.get("lightgbm") or {}
    file = folder / str(native.get("data", ""))
    predictor: Predictor
    if file.suffix in {".lgb", ".txt"} and file.is_file():
        predictor = LightGBM(file, columns)
    elif "python_function" in flavors:
        predictor = PyFunc(folder, columns)
    else:
        raise ModelError(
            f"{folder} has the flavours {', '.join(flavors) or 'none'}; allowed: lightgbm, python_function"
        )
    registered = _read_yaml(folder / "registered_model_meta") or {}
    found = version or registered.get("model_version") or document.get("model_id") or "unknown"
    return Model(
        version=str(found),
        columns=columns,
        feature_service=metadata.get("feature_service"),
        trained_on=metadata.get("feature_service_fingerprint"),
        predictor=predictor,
    )


def _read_yaml(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        return yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ModelError(f"{file} is not YAML: {error}") from error


def _columns(document: dict[str, Any], folder: Path) -> tuple[str, ...]:
    inputs = (document.get("signature") or {}).get("inputs")
    columns = [column.get("name") for column in orjson.loads(inputs)] if inputs else []
    if not columns or None in columns:
        raise ModelError(f"{folder}/MLmodel has no signature with named columns; log the model with a signature")
    return tuple(columns)
