"""Outages of stores: requests fail at once with 503 and the reason, and succeed soon after the store is back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client

from smoke.outputs import Outputs
from tests.cluster.support import GONE_SECONDS, answers, note, online_store, predict, until, without

SELECTOR = "serving.kserve.io/inferenceservice=flights"
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"

REQUEST_SECONDS = 15.0
"""Longest time for one request to MLflow; above the 10 s after which a connection to a lost Postgres ends."""

MLFLOW_SECONDS = 60.0
"""Longest time until MLflow notices that Postgres is gone or back: each worker has two pools of connections."""


def running(core: client.CoreV1Api, namespace: str) -> list[str]:
    """Return the predictor's pods that are not terminating."""
    pods = core.list_namespaced_pod(namespace, label_selector=SELECTOR).items
    return [pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is None]


@pytest.fixture
def mlflow(platform: dict[str, Any]) -> Iterator[httpx.Client]:
    """HTTP client of MLflow with the login of the team's jobs; it names the workspace, as MLflow's own client does."""
    secret = Outputs.model_validate(platform).secret("mlflow")
    login = (secret["MLFLOW_TRACKING_USERNAME"], secret["MLFLOW_TRACKING_PASSWORD"])
    headers = {"X-MLFLOW-WORKSPACE": secret["MLFLOW_WORKSPACE"]}
    with httpx.Client(
        base_url=platform["urls"]["mlflow"], auth=login, headers=headers, timeout=REQUEST_SECONDS, trust_env=False
    ) as http:
        yield http


def search(mlflow: httpx.Client, seen: list[str]) -> httpx.Response | None:
    """Ask MLflow for something from its database, note the answer or error in `seen`, and return the answer."""
    try:
        answer = mlflow.get(SEARCH)
    except httpx.TransportError as error:
        seen.append(repr(error))
        return None
    seen.append(f"{answer.status_code} {answer.text}")
    return answer


def searched(mlflow: httpx.Client, seen: list[str]) -> bool:
    """Tell whether MLflow answers from its database."""
    answer = search(mlflow, seen)
    return answer is not None and answer.status_code == 200


def refused(mlflow: httpx.Client, seen: list[str]) -> bool:
    """Tell whether MLflow answers 503 and names Postgres; an answer as if Postgres were up fails the test."""
    answer = search(mlflow, seen)
    if answer is None:
        return False
    assert answer.status_code >= 500, answer.text
    try:
        document = answer.json()
    except ValueError:  # the Gateway's own answer: 504 in plain text
        return False
    return (answer.status_code, document["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE") and (
        "postgres.data.svc" in document["message"]
    )


def test_without_redis_a_request_gets_503_with_the_reason(
    served: httpx.Client, keys: dict[str, str], apps: client.AppsV1Api
) -> None:
    before = predict(served, keys).json()["predictions"]
    with without(apps, "redis"):
        for _ in range(20):
            answer = predict(served, keys)
            document = answer.json()
            assert (answer.status_code, document["code"]) == (503, "store_unavailable")
            assert "online store redis.data.svc:6379" in document["error"]
            assert "predictions" not in document
            assert int(answer.headers["retry-after"]) >= 1
        note("refusal without redis, ms", round(answer.elapsed.total_seconds() * 1e3, 1))
        ready = served.get("/v2/health/ready").json()
        assert "redis.data.svc" in ready["dependencies"]["online_store"]
    note("prediction after redis is ready again, s", until("served again", lambda: answers(served, keys)))
    assert predict(served, keys).json()["predictions"] == before


def test_a_redis_that_hangs_is_refused_within_the_timeout(
    served: httpx.Client, keys: dict[str, str], core: client.CoreV1Api
) -> None:
    """A server that delays commands keeps its connections open: only a deadline ends the wait."""
    with online_store(core) as store:
        store.client_pause(3000)
    document = predict(served, keys).json()
    assert document["code"] == "store_unavailable"
    assert "did not answer within 250 ms" in document["error"]
    until("served again", lambda: answers(served, keys))


def test_without_postgres_a_running_predictor_goes_on(
    served: httpx.Client, keys: dict[str, str], apps: client.AppsV1Api, mlflow: httpx.Client
) -> None:
    seen: list[str] = []
    with without(apps, "postgres"):
        assert predict(served, keys).status_code == 200
        assert served.get("/v2/health/ready").status_code == 200
        # The first call may fail on its pooled connection; the next one names the server.
        until("refused by the name of the server", lambda: refused(mlflow, seen), MLFLOW_SECONDS, seen)
    seconds = until("MLflow answers again", lambda: searched(mlflow, seen), MLFLOW_SECONDS, seen)
    note("MLflow after postgres is ready again, s", seconds)
    assert predict(served, keys).status_code == 200


def test_a_predictor_that_starts_without_postgres_answers_503_until_it_is_back(
    platform: dict[str, Any],
    served: httpx.Client,
    keys: dict[str, str],
    apps: client.AppsV1Api,
    core: client.CoreV1Api,
) -> None:
    namespace = platform["default_team"]
    with without(apps, "postgres"):
        (old,) = running(core, namespace)
        core.delete_namespaced_pod(old, namespace, grace_period_seconds=0)

        responses: list[str] = []

        def explained() -> bool:
            """The old process may answer until it ends."""
            try:
                answer = predict(served, keys)
                responses.append(f"{answer.status_code} {answer.text}")
                error = str(answer.json().get("error"))
            except (httpx.TransportError, ValueError) as problem:
                responses.append(repr(problem))
                return False
            return answer.status_code == 503 and "registry cannot be read" in error

        until("a 503 that names the registry", explained, GONE_SECONDS, responses)
        assert "port 5432" in responses[-1]
        for _ in range(20):
            explained()
        assert not [answer for answer in responses[-20:] if "predictions" in answer]
    note("prediction after postgres is ready again, s", until("served again", lambda: answers(served, keys)))
