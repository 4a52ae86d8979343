"""Parses requests and renders responses of KServe's V1 protocol.

    {"instances": [{"tailnum": "N102UW", "origin": "JFK", "dest": "CLT"}], "parameters": {"return_features": true}}
    {"predictions": [{"probability": 0.37, "features": {...}, "event_timestamps": {...}}],
     "model_name": "flights", "model_version": "3"}

`features` and `event_timestamps` (seconds since the epoch, by feature view) are returned on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.predictor.errors import RequestError
from services.predictor.plan import KeyField, Row
from services.predictor.protocol import Request, count, document, key_value, kind, parameters, require


def parse(body: bytes, fields: Sequence[KeyField], limit: int) -> Request:
    """Check a request.

    Args:
        body: The request's body.
        fields: Join keys that each instance must have.
        limit: Maximum number of instances.

    Raises:
        RequestError: The request is invalid; names the field.
    """
    value = document(body)
    for name in value:
        if name not in {"instances", "parameters"}:
            message = f"the body has the unknown field {name}; allowed: instances, parameters"
            raise RequestError(422, "unknown_field", message, field=name)
    if "instances" not in value:
        raise RequestError(422, "missing_field", "the body lacks the field instances", field="instances")
    instances = value["instances"]
    if not isinstance(instances, list):
        raise RequestError(422, "wrong_type", f"instances must be an array, not {kind(instances)}", field="instances")
    count(len(instances), limit, "instances")
    names = [field.name for field in fields]
    rows: list[Row] = []
    for place, instance in enumerate(instances):
        path = f"instances[{place}]"
        if not isinstance(instance, dict):
            message = f"{path} must be an object, not {kind(instance)}"
            raise RequestError(422, "wrong_type", message, field="instances", instance=place)
        if len(instance) != len(names) or any(name not in instance for name in names):
            require(fields, list(instance), path, place)
        rows.append([key_value(instance[field.name], field, place, f"{path}.{field.name}") for field in fields])
    return Request(rows=rows, return_features=parameters(value.get("parameters")))


def render(
    model: str,
    version: str,
    probabilities: Sequence[float],
    features: Sequence[dict[str, Any]] | None,
    stamps: Sequence[dict[str, float | None]] | None,
) -> dict[str, Any]:
    """Return the response document."""
    predictions: list[dict[str, Any]] = [{"probability": value} for value in probabilities]
    if features is not None and stamps is not None:
        for prediction, row, times in zip(predictions, features, stamps, strict=True):
            prediction["features"] = row
            prediction["event_timestamps"] = times
    return {"predictions": predictions, "model_name": model, "model_version": version}
