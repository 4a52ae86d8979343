"""Invalid requests through the gateway: a 4xx status that names the field, never a default prediction."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from smoke.correctness import equal
from tests.cluster.support import PREDICT, predict

JSON = {"content-type": "application/json"}
INFER = "/v2/models/flights/infer"
TEN_MEGABYTES = 10 << 20


def refused(answer: httpx.Response) -> dict[str, Any]:
    """Return the error document of a response without a prediction."""
    document = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert document["error"]
    assert not {"predictions", "outputs"} & document.keys()
    return document


@pytest.fixture(params=["tailnum", "origin", "dest"])
def key(request: pytest.FixtureRequest) -> str:
    """Each join key in turn."""
    return request.param


def test_an_unknown_key_is_named_with_its_view(served: httpx.Client, keys: dict[str, str], key: str) -> None:
    answer = predict(served, {**keys, key: "NOSUCH"})
    document = refused(answer)
    assert (answer.status_code, document["code"]) == (404, "unknown_entity")
    assert key in document["field"].split(", ")
    assert document["key"][key] == "NOSUCH"
    assert document["view"] in document["error"]


def test_one_unknown_key_among_many_refuses_all_and_names_it(served: httpx.Client, keys: dict[str, str]) -> None:
    answer = predict(served, keys, {**keys, "tailnum": "NOSUCH"}, keys)
    document = refused(answer)
    assert (answer.status_code, document["instance"]) == (404, 1)


def test_a_missing_field_is_named(served: httpx.Client, keys: dict[str, str], key: str) -> None:
    answer = predict(served, {name: value for name, value in keys.items() if name != key})
    document = refused(answer)
    assert (answer.status_code, document["code"], document["field"]) == (422, "missing_field", key)


@pytest.mark.parametrize("value", [7, 7.5, True, None, ["JFK"], {"code": "JFK"}])
def test_a_wrong_type_is_named(served: httpx.Client, keys: dict[str, str], key: str, value: object) -> None:
    answer = predict(served, {**keys, key: value})
    document = refused(answer)
    assert (answer.status_code, document["code"], document["field"]) == (422, "wrong_type", key)


def test_a_feature_in_place_of_the_stored_one_is_refused(served: httpx.Client, keys: dict[str, str]) -> None:
    """Features come only from the store: a request with its own features is refused, not silently ignored."""
    document = refused(predict(served, {**keys, "late_share_30d": 0.5}))
    assert (document["code"], document["field"]) == ("unknown_field", "late_share_30d")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "instances"),
        ({"instances": []}, 422, "instances"),
        ({"instances": {}}, 422, "instances"),
        ({"instances": ["JFK"]}, 422, "instances"),
        ({"instances": [{}], "signature_name": "x"}, 422, "signature_name"),
        ([], 422, ""),
    ],
)
def test_a_body_of_another_shape_is_refused_by_field(
    served: httpx.Client, body: object, status: int, field: str
) -> None:
    answer = served.post(PREDICT, json=body)
    assert (answer.status_code, refused(answer)["field"]) == (status, field)


def test_too_many_instances_are_refused_with_the_limit(served: httpx.Client, keys: dict[str, str]) -> None:
    answer = predict(served, *[keys] * 257)
    document = refused(answer)
    assert (answer.status_code, document["code"], document["field"]) == (413, "too_many_instances", "instances")


@pytest.mark.parametrize("body", [b"", b"{", b"instances=JFK", b"\xff\xfe", b'{"instances": [NaN]}'])
def test_what_is_not_json_is_refused(served: httpx.Client, body: bytes) -> None:
    answer = served.post(PREDICT, content=body, headers=JSON)
    assert (answer.status_code, refused(answer)["code"]) == (400, "malformed_json")


def test_what_is_not_announced_as_json_is_refused(served: httpx.Client, keys: dict[str, str]) -> None:
    body = json.dumps({"instances": [keys]}).encode()
    answer = served.post(PREDICT, content=body, headers={"content-type": "text/plain"})
    assert (answer.status_code, refused(answer)["field"]) == (415, "Content-Type")


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_ten_megabytes_are_refused_with_the_limit(served: httpx.Client, path: str) -> None:
    answer = served.post(path, content=b'{"instances": "' + b"x" * TEN_MEGABYTES, headers=JSON)
    document = refused(answer)
    assert (answer.status_code, document["code"], document["limit"]) == (413, "body_too_large", 1 << 20)


def test_a_body_without_a_length_is_refused_at_the_limit(served: httpx.Client) -> None:
    """A chunked body, whose size is known only at its end."""
    answer = served.post(PREDICT, content=(b"x" * 65_536 for _ in range(160)), headers=JSON)
    assert (answer.status_code, refused(answer)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", PREDICT, 405, "method_not_allowed"),
        ("PUT", PREDICT, 405, "method_not_allowed"),
        ("DELETE", INFER, 405, "method_not_allowed"),
        ("POST", "/v2/health/ready", 405, "method_not_allowed"),
        ("POST", "/v1/models/flights", 405, "method_not_allowed"),
        ("POST", "/v1/models/flights:explain", 404, "not_found"),
        ("GET", "/no-such-path", 404, "not_found"),
        ("POST", "/v1/models/no-such:predict", 404, "unknown_model"),
        ("POST", "/v2/models/no-such/infer", 404, "unknown_model"),
    ],
)
def test_a_wrong_method_path_or_model_is_named(
    served: httpx.Client, keys: dict[str, str], method: str, path: str, status: int, code: str
) -> None:
    answer = served.request(method, path, json={"instances": [keys]})
    assert (answer.status_code, refused(answer)["code"]) == (status, code)


def test_an_unknown_service_is_no_route(platform: dict[str, Any], keys: dict[str, str]) -> None:
    url = f"{platform['urls']['serving']}/data-science/no-such/v1/models/no-such:predict"
    assert httpx.post(url, json={"instances": [keys]}, timeout=10, trust_env=False).status_code == 404


def tensors(keys: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in keys.items()]


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"data": ["NOSUCH"]}, 404, "tailnum"),
        ({"data": [7]}, 422, "tailnum"),
        ({"datatype": "FP64"}, 422, "tailnum"),
        ({"shape": [2]}, 422, "tailnum"),
        ({"name": "tail"}, 422, "tailnum"),
    ],
)
def test_the_second_protocol_names_the_input(
    served: httpx.Client, keys: dict[str, str], change: dict[str, Any], status: int, field: str
) -> None:
    first, *others = tensors({"tailnum": keys["tailnum"], **keys})
    answer = served.post(INFER, json={"inputs": [{**first, **change}, *others]})
    assert (answer.status_code, refused(answer)["field"]) == (status, field)


def test_refusals_leave_the_service_as_it_was(served: httpx.Client, keys: dict[str, str]) -> None:
    before = predict(served, keys, parameters={"return_features": True}).json()["predictions"][0]
    for _ in range(50):
        refused(predict(served, {**keys, "tailnum": "NOSUCH"}))
    after = predict(served, keys, parameters={"return_features": True}).json()["predictions"][0]
    assert before["probability"] == after["probability"]
    assert all(equal(value, after["features"][name]) for name, value in before["features"].items())
