"""Check `serving-correctness`: served predictions equal the registered model applied to Feast's features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from smoke.http import post
from smoke.outputs import first_line
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import Served, mlflow_credentials

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 32
"""Requests compared; the runtime has one code path, so an error shows in a few requests."""

TOLERANCE = 1e-9
"""Largest accepted difference of two probabilities; model and inputs are equal, only the order of sums may differ."""


def served_predictions(served: Served, requests: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Return predictions with the features that they used, and the model version that made them.

    Raises:
        CheckFailed: The service refused the request, or its response lacks probabilities or features.
    """
    answer = post(served.predict_url, {"instances": requests, "parameters": {"return_features": True}})
    predictions = answer.body.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != len(requests):
        raise CheckFailed(f"expected {len(requests)} predictions, received {str(predictions)[:200]}")
    for prediction in predictions:
        if not isinstance(prediction, dict) or "probability" not in prediction or not prediction.get("features"):
            raise CheckFailed(f"a prediction lacks `probability` or `features`: {str(prediction)[:200]}")
    return predictions, answer.headers.get("x-model-version", "")


def registered_probabilities(served: Served, features: list[dict[str, Any]]) -> list[float]:
    """Return the probabilities of the registered model, loaded by MLflow, for `features`.

    Raises:
        CheckFailed: The model cannot be loaded, or a feature that it was trained on is missing.
    """
    import mlflow
    import pandas as pd

    uri = f"models:/{served.spec.registered_model}/{served.version.version}"
    try:
        with mlflow_credentials(served.outputs):
            model = mlflow.pyfunc.load_model(uri)
        schema = model.metadata.get_input_schema()
        columns = schema.input_names() if schema is not None else list(features[0])
        frame: pd.DataFrame = pd.DataFrame(features)[columns].astype("float64")
        return [float(value) for value in model.predict(frame)]
    except Exception as error:
        raise CheckFailed(f"cannot apply {uri} to the served features: {first_line(error)}") from error


def feast_features(served: Served, requests: list[dict[str, Any]], service: str) -> list[dict[str, Any]]:
    """Return the features of Feast's feature server for the same keys, one mapping for each request.

    Raises:
        CheckFailed: The feature server refused the request.
    """
    entities = {key: [request[key] for request in requests] for key in served.spec.entity_keys}
    url = f"{served.outputs.urls['feast'].rstrip('/')}/get-online-features"
    body = post(url, {"feature_service": service, "entities": entities}).body
    names = body["metadata"]["feature_names"]
    return [
        {name: column["values"][i] for name, column in zip(names, body["results"], strict=True)}
        for i in range(len(requests))
    ]


def equal(a: object, b: object) -> bool:
    """Tell whether two feature values are equal: numbers exactly as float64; null equals NaN."""
    first, second = (math.nan if v is None else v for v in (a, b))
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return float(first) == float(second) or (math.isnan(first) and math.isnan(second))
    return first == second


def differing_features(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[str]:
    """Return the names of features that differ in any row, or that only the runtime returns."""
    names = set()
    for mine, other in zip(ours, theirs, strict=True):
        names |= {name for name, value in mine.items() if name not in other or not equal(value, other[name])}
    return sorted(names)


def check(served: Served) -> CheckResult:
    """Compare the runtime with MLflow's registered model and Feast's feature server.

    Raises:
        CheckFailed: A request to one of the three failed.
    """
    requests = served.requests[:SAMPLE]
    predictions, version = served_predictions(served, requests)
    features = [prediction["features"] for prediction in predictions]
    wanted = registered_probabilities(served, features)
    worst = max(abs(p["probability"] - w) for p, w in zip(predictions, wanted, strict=True))
    service = served.feature_service
    differing = differing_features(features, feast_features(served, requests, service))
    distinct = len({p["probability"] for p in predictions})
    return CheckResult(
        check="serving-correctness",
        rows=[
            Row(
                name=f"served version = {served.spec.registered_model}@{served.spec.alias}",
                value=version or "no header",
                allowed=f"= {served.version.version}",
                ok=version == str(served.version.version),
            ),
            Row(
                name=f"largest difference to the registered model, {len(requests)} requests",
                value=f"{worst:.1e}",
                allowed=f"<= {TOLERANCE:g}",
                ok=worst <= TOLERANCE,
            ),
            Row(
                name=f"features that differ from Feast's {service}",
                value=", ".join(differing)[:80] or "none",
                allowed="none",
                ok=not differing,
            ),
            Row(name="distinct probabilities", value=distinct, allowed="> 1", ok=distinct > 1),
        ],
    )
