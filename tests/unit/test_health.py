"""What `mlp status` makes of answers: healthy, unhealthy, silent; over real loopback servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration
from typing_extensions import override

from mlp.errors import UserError
from mlp.health import Workload, addresses, asked, services, workloads

ANSWERS = {
    "/": 404,
    "/mlflow/health": 200,
    "/feast/health": 503,
    "/serving/flights/v2/health/ready": 200,
    "/serving/other/v2/health/ready": 503,
}


class Handler(BaseHTTPRequestHandler):
    """Answers as the table says, 404 otherwise."""

    def do_GET(self) -> None:
        self.send_response(ANSWERS.get(self.path.partition("?")[0], 404))
        self.send_header("content-length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_each_address_is_judged_by_its_own_answer(base: str) -> None:
    urls = {"gateway": base, "mlflow": f"{base}/mlflow", "feast": f"{base}/feast", "serving": f"{base}/serving"}
    found = {item.name: (item.said, item.ok) for item in addresses(urls, ["flights", "other"])}
    assert found == {
        "gateway": ("answers", True),
        "mlflow": ("200", True),
        "feast": ("503", False),
        "serving: flights": ("200", True),
        "serving: other": ("503", False),
    }


def test_silence_is_named() -> None:
    (found,) = addresses({"gateway": "http://127.0.0.1:9"}, [])
    assert (found.said, found.ok) == ("ConnectError", False)


@pytest.mark.parametrize(("ready", "wanted", "ok"), [(1, 1, True), (1, 2, False), (0, 0, False)])
def test_a_workload_is_well_when_all_wanted_pods_are_ready(ready: int, wanted: int, ok: bool) -> None:
    assert Workload("data", "redis", ready, wanted).ok is ok


def client(url: str) -> ApiClient:
    configuration = Configuration(host=url)
    configuration.retries = 0
    return ApiClient(configuration)


def test_without_the_definition_there_are_no_services(base: str) -> None:
    assert services(client(base)) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", None])
def test_a_cluster_that_does_not_answer_is_said_with_the_way_out(base: str, url: str | None) -> None:
    api: Any = client(url or base)
    with pytest.raises(UserError) as raised:
        asked("local", lambda: workloads(api, {"models"}))
    assert "the cluster of stack local does not answer" in str(raised.value)
    assert "mlp up --stack local" in str(raised.value)
