"""Parses requests and renders responses of the V2 (Open Inference) protocol: one input tensor for each join key.

    {"inputs": [{"name": "tailnum", "shape": [1], "datatype": "BYTES", "data": ["N102UW"]}, ...]}
    {"model_name": "flights", "model_version": "3",
     "outputs": [{"name": "probability", "shape": [1], "datatype": "FP64", "data": [0.37]}]}

Strings have the datatype BYTES. With `"parameters": {"return_features": true}`, the response also has the features as
outputs `feature.<name>` (null for a null), and the event timestamps of the views, in seconds since the epoch, as
`event_timestamp.<view>`. The binary extension is not supported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from services.predictor.errors import RequestError
from services.predictor.keys import KeyType
from services.predictor.plan import KeyField, Plan
from services.predictor.protocol import Request, count, document, key_value, kind, parameters, require

DATATYPES = {KeyType.STRING: "BYTES", KeyType.INT32: "INT32", KeyType.INT64: "INT64"}
FEATURE_DATATYPES = {"Float64": "FP64", "Float32": "FP32", "Int64": "INT64", "Int32": "INT32", "Bool": "BOOL"}
TOP_LEVEL = frozenset({"id", "parameters", "inputs", "outputs"})


def parse(body: bytes, fields: Sequence[KeyField], limit: int) -> Request:
    """Check a request.

    Args:
        body: The request's body.
        fields: Join keys; each needs one input tensor.
        limit: Maximum number of instances.

    Raises:
        RequestError: The request is invalid; names the tensor.
    """
    value = document(body)
    for name in value:
        if name not in TOP_LEVEL:
            message = f"the body has the unknown field {name}; allowed: {', '.join(sorted(TOP_LEVEL))}"
            raise RequestError(422, "unknown_field", message, field=name)
    inputs = _objects(value, "inputs", required=True)
    tensors = {tensor["name"]: tensor for tensor in inputs}
    require(fields, list(tensors), "inputs")
    if len(tensors) != len(inputs):
        raise RequestError(422, "unknown_field", "inputs has two tensors with the same name", field="inputs")
    columns = [_column(tensors[field.name], field, limit) for field in fields]
    if len({len(column) for column in columns}) != 1:
        sizes = ", ".join(f"{field.name} {len(column)}" for field, column in zip(fields, columns, strict=True))
        raise RequestError(422, "wrong_shape", f"all inputs must have the same length; seen: {sizes}", field="inputs")
    identity = value.get("id")
    if identity is not None and not isinstance(identity, str):
        raise RequestError(422, "wrong_type", f"id must be a string, not {kind(identity)}", field="id")
    outputs = tuple(item["name"] for item in _objects(value, "outputs", required=False)) or None
    return Request(
        rows=[list(row) for row in zip(*columns, strict=True)],
        return_features=parameters(value.get("parameters")),
        id=identity,
        outputs=outputs,
    )


def _objects(value: dict[str, Any], field: str, *, required: bool) -> list[dict[str, Any]]:
    items = value.get(field)
    if items is None:
        if required:
            raise RequestError(422, "missing_field", f"the body lacks the field {field}", field=field)
        return []
    if not isinstance(items, list):
        raise RequestError(422, "wrong_type", f"{field} must be an array, not {kind(items)}", field=field)
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            message = f"{field}[{place}] must be an object, not {kind(item)}"
            raise RequestError(422, "wrong_type", message, field=field)
        if not isinstance(item.get("name"), str):
            raise RequestError(422, "missing_field", f"{field}[{place}] lacks a name", field=f"{field}.name")
    return items


def _column(tensor: dict[str, Any], field: KeyField, limit: int) -> list[str | int]:
    name, wanted = field.name, DATATYPES[field.type]
    if tensor.get("datatype") != wanted:
        message = f"input {name} must have the datatype {wanted}, not {tensor.get('datatype')!r}"
        raise RequestError(422, "wrong_type", message, field=name)
    data = tensor.get("data")
    if not isinstance(data, list):
        message = f"data of input {name} must be an array, not {kind(data)}"
        raise RequestError(422, "wrong_type", message, field=name)
    count(len(data), limit, name)
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape) or len(shape) not in {1, 2}:
        raise RequestError(422, "wrong_shape", f"shape of input {name} must be [n] or [n, 1]", field=name)
    if math.prod(shape) != len(data) or shape[1:] not in ([], [1]):
        message = f"shape {shape} of input {name} does not match its {len(data)} values; allowed: [n], [n, 1]"
        raise RequestError(422, "wrong_shape", message, field=name)
    return [key_value(item, field, place, f"{name}.data[{place}]") for place, item in enumerate(data)]


def render(
    model: str,
    version: str,
    probabilities: Sequence[float],
    features: Sequence[dict[str, Any]] | None,
    stamps: Sequence[dict[str, float | None]] | None,
    request: Request,
    plan: Plan,
) -> dict[str, Any]:
    """Return the response document.

    Raises:
        RequestError: 422 when a requested output does not exist.
    """
    shape = [len(probabilities)]
    outputs: list[dict[str, Any]] = [
        {"name": "probability", "shape": shape, "datatype": "FP64", "data": list(probabilities)}
    ]
    if features is not None and stamps is not None:
        for name, dtype in plan.dtypes.items():
            data = [row[name] for row in features]
            datatype = FEATURE_DATATYPES.get(dtype, "BYTES")
            outputs.append({"name": f"feature.{name}", "shape": shape, "datatype": datatype, "data": data})
        for view in plan.views:
            times = [row[view.name] for row in stamps]
            outputs.append({"name": f"event_timestamp.{view.name}", "shape": shape, "datatype": "FP64", "data": times})
    if request.outputs is not None:
        named = {output["name"]: output for output in outputs}
        for name in request.outputs:
            if name not in named:
                message = f"unknown output {name}; allowed: {', '.join(map(str, named))}"
                raise RequestError(422, "unknown_field", message, field="outputs")
        outputs = [named[name] for name in request.outputs]
    response: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request.id is not None:
        response["id"] = request.id
    return response


def metadata(model: str, version: str, platform: str, plan: Plan) -> dict[str, Any]:
    """Return the model metadata document."""
    inputs = [{"name": field.name, "datatype": DATATYPES[field.type], "shape": [-1]} for field in plan.key_fields]
    outputs = [{"name": "probability", "datatype": "FP64", "shape": [-1]}]
    return {"name": model, "versions": [version], "platform": platform, "inputs": inputs, "outputs": outputs}
