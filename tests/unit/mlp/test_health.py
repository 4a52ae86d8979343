"""Results of `mlp status` for healthy, unhealthy and silent servers; over real loopback servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration
from loopback import Answer, answering

from common.errors import UserError
from mlp.health import Workload, addresses, ask_cluster, services, workloads

ANSWERS = {
    "/": Answer(404),
    "/mlflow/health": Answer(200),
    "/feast/health": Answer(503),
    "/serving/red/flights/v2/health/ready": Answer(200),
    "/serving/red/other/v2/health/ready": Answer(503),
}


HEALTH = {"gateway": None, "mlflow": "/health", "serving": "/{object}/v2/health/ready"}
"""Health paths as a stack exports them; a URL that is missing here has `/health`."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with answering(ANSWERS) as address:
        yield address


def test_each_address_is_judged_by_its_own_answer(base: str) -> None:
    urls = {"gateway": base, "mlflow": f"{base}/mlflow", "feast": f"{base}/feast", "serving": f"{base}/serving"}
    found = {item.name: (item.response, item.ok) for item in addresses(urls, HEALTH, ["red/flights", "red/other"])}
    assert found == {
        "gateway": ("answers", True),
        "mlflow": ("200", True),
        "feast": ("503", False),
        "serving: red/flights": ("200", True),
        "serving: red/other": ("503", False),
    }


def test_silence_is_named() -> None:
    (found,) = addresses({"gateway": "http://127.0.0.1:9"}, HEALTH, [])
    assert (found.response, found.ok) == ("ConnectError", False)


@pytest.mark.parametrize(("ready", "wanted", "ok"), [(1, 1, True), (1, 2, False), (0, 0, False)])
def test_a_workload_is_well_when_all_wanted_pods_are_ready(ready: int, wanted: int, ok: bool) -> None:
    assert Workload("data", "redis", ready, wanted).ok is ok


def client(url: str) -> ApiClient:
    configuration = Configuration(host=url)
    configuration.retries = 0
    return ApiClient(configuration)


def test_without_the_definition_there_are_no_services(base: str) -> None:
    assert services(client(base)) == []


@pytest.mark.parametrize(
    ("url", "problem", "next_step"),
    [
        ("http://127.0.0.1:9", "The cluster of stack local does not answer.", "mlp cluster status"),
        (None, "The cluster of stack local refused a request.", "mlp status --stack local"),
    ],
)
def test_a_failed_request_is_reported_with_the_next_step(
    base: str, url: str | None, problem: str, next_step: str
) -> None:
    api: Any = client(url or base)
    with pytest.raises(UserError) as raised:
        ask_cluster("local", lambda: workloads(api, {"red"}))
    assert problem in str(raised.value)
    assert next_step in str(raised.value)
