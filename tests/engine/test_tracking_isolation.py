"""One team sees and changes nothing of another's in MLflow: each way of its API, tried with the other's logins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.engine.tracking_data import API, FILES, Owned, make
from tests.engine.tracking_server import ADMIN, TrackingServer, ok, password_of, post, tracking_server

AJAX = "/ajax-api/2.0/mlflow"
V3 = "/api/3.0/mlflow"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    with tracking_server(tmp_path_factory.mktemp("tracking"), "alpha", "beta") as running:
        yield running


@pytest.fixture(scope="module")
def alpha(server: TrackingServer) -> Owned:
    return make(server, "alpha")


@pytest.fixture(scope="module")
def beta(server: TrackingServer) -> Owned:
    return make(server, "beta")


@dataclass(frozen=True)
class Request:
    """A request for something of team alpha; `body` makes it a JSON request."""

    method: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    content: bytes | None = None

    def send(self, client: httpx.Client) -> httpx.Response:
        return client.request(self.method, self.path, params=self.params, json=self.body, content=self.content)


def get(path: str, /, **params: Any) -> Request:
    return Request("GET", path, params)


def send(path: str, method: str = "POST", /, **body: Any) -> Request:
    return Request(method, path, body=body)


READS: dict[str, Callable[[Owned], Request]] = {
    "experiment by id": lambda a: get(f"{API}/experiments/get", experiment_id=a.experiment),
    "experiment by name": lambda a: get(f"{API}/experiments/get-by-name", experiment_name=a.name),
    "experiments": lambda _: send(f"{API}/experiments/search", max_results=100),
    "experiments of the page": lambda _: send(f"{AJAX}/experiments/search", max_results=100),
    "run by id": lambda a: get(f"{API}/runs/get", run_id=a.run),
    "runs": lambda a: send(f"{API}/runs/search", experiment_ids=[a.experiment]),
    "runs by tag": lambda a: send(
        f"{API}/runs/search", experiment_ids=[a.experiment], filter=f"tags.mark = '{a.mark}'"
    ),
    "metric's history": lambda a: get(f"{API}/metrics/get-history", run_id=a.run, metric_key="auc"),
    "metrics of the page": lambda a: get(f"{AJAX}/metrics/get-history-bulk", run_id=a.run, metric_key="auc"),
    "files of a run": lambda a: get(f"{API}/artifacts/list", run_id=a.run),
    "file by its whole path": lambda a: get(f"{FILES}/{a.folder}/{a.run}/artifacts/secret.txt"),
    "file by its path in the workspace": lambda a: get(f"{FILES}/{a.experiment}/{a.run}/artifacts/secret.txt"),
    "file of a model by its path": lambda a: get(f"{FILES}/{a.folder}/models/{a.logged}/artifacts/model.txt"),
    "file through a climbing path": lambda a: get(
        f"{FILES}/workspaces/beta/%2e%2e/alpha/{a.experiment}/{a.run}/artifacts/secret.txt"
    ),
    "files by path": lambda a: get(FILES, path=f"{a.folder}/{a.run}/artifacts"),
    "files of the page's run": lambda a: get("/get-artifact", run_uuid=a.run, path="secret.txt"),
    "registered model": lambda a: get(f"{API}/registered-models/get", name=a.name),
    "registered models": lambda _: get(f"{API}/registered-models/search", max_results=100),
    "registered models by name": lambda a: get(f"{API}/registered-models/search", filter=f"name LIKE '{a.name}%'"),
    "version": lambda a: get(f"{API}/model-versions/get", name=a.name, version="1"),
    "versions": lambda _: get(f"{API}/model-versions/search", max_results=100),
    "latest versions": lambda a: send(f"{API}/registered-models/get-latest-versions", name=a.name),
    "version by alias": lambda a: get(f"{API}/registered-models/alias", name=a.name, alias="champion"),
    "address of a version": lambda a: get(f"{API}/model-versions/get-download-uri", name=a.name, version="1"),
    "file of a version": lambda a: get("/model-versions/get-artifact", name=a.name, version="1", path="model.txt"),
    "logged model": lambda a: get(f"{API}/logged-models/{a.logged}"),
    "logged models": lambda a: send(f"{API}/logged-models/search", experiment_ids=[a.experiment]),
    "files of a logged model": lambda a: get(f"{API}/logged-models/{a.logged}/artifacts/directories"),
    "file of the page's model": lambda a: get(
        f"{AJAX}/logged-models/{a.logged}/artifacts/files", artifact_file_path="model.txt"
    ),
    "trace": lambda a: get(f"{V3}/traces/{a.trace}"),
    "traces": lambda a: send(
        f"{V3}/traces/search",
        locations=[{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": a.experiment}}],
    ),
    "prompt": lambda a: get(f"{API}/model-versions/get", name=f"prompt-{a.name}", version="1"),
    "prompts": lambda _: get(f"{API}/registered-models/search", filter="tags.`mlflow.prompt.is_prompt` = 'true'"),
    "run by GraphQL": lambda a: send(
        "/graphql",
        query="query Q($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) { run { data { params { value } } } } }",
        variables={"data": {"runId": a.run}},
        operationName="Q",
    ),
}
"""Requests whose answer contains the mark of team alpha, when it is given."""

WRITES: dict[str, Callable[[Owned], Request]] = {
    "experiment's name": lambda a: send(
        f"{API}/experiments/update", experiment_id=a.experiment, new_name=f"x-{a.name}"
    ),
    "run in an experiment": lambda a: send(f"{API}/runs/create", experiment_id=a.experiment),
    "metric": lambda a: send(f"{API}/runs/log-metric", run_id=a.run, key="auc", value=1.0, timestamp=2, step=2),
    "batch": lambda a: send(f"{API}/runs/log-batch", run_id=a.run, metrics=[], params=[], tags=[]),
    "tag": lambda a: send(f"{API}/runs/set-tag", run_id=a.run, key="mark", value="x"),
    "run's state": lambda a: send(f"{API}/runs/update", run_id=a.run, status="FAILED"),
    "file of a run": lambda a: Request("PUT", f"{FILES}/{a.folder}/{a.run}/artifacts/secret.txt", content=b"x"),
    "new file of a run": lambda a: Request("PUT", f"{FILES}/{a.folder}/{a.run}/artifacts/new.txt", content=b"x"),
    "file by a path in the workspace": lambda a: Request(
        "PUT", f"{FILES}/{a.experiment}/{a.run}/artifacts/secret.txt", content=b"x"
    ),
    "file of the page": lambda a: Request(
        "POST", f"{AJAX}/upload-artifact", {"run_uuid": a.run, "path": "page.txt"}, content=b"x"
    ),
    "file's deletion": lambda a: Request("DELETE", f"{FILES}/{a.folder}/{a.run}/artifacts/secret.txt"),
    "parts of a file": lambda a: send(
        f"/api/2.0/mlflow-artifacts/mpu/create/{a.folder}/{a.run}/artifacts", path="big.bin", num_parts=1
    ),
    "address of a file": lambda a: get(f"/api/2.0/mlflow-artifacts/presigned/{a.folder}/{a.run}/artifacts/secret.txt"),
    "version": lambda a: send(f"{API}/model-versions/create", name=a.name, source=f"runs:/{a.run}/x", run_id=a.run),
    "alias": lambda a: send(f"{API}/registered-models/alias", name=a.name, alias="other", version="1"),
    "champion": lambda a: send(f"{API}/registered-models/alias", name=a.name, alias="champion", version="1"),
    "stage": lambda a: send(
        f"{API}/model-versions/transition-stage",
        name=a.name,
        version="1",
        stage="Archived",
        archive_existing_versions=False,
    ),
    "version's deletion": lambda a: send(f"{API}/model-versions/delete", "DELETE", name=a.name, version="1"),
    "model's name": lambda a: send(f"{API}/registered-models/rename", name=a.name, new_name=f"x-{a.name}"),
    "prompt": lambda a: send(f"{API}/registered-models/delete", "DELETE", name=f"prompt-{a.name}"),
    "trace's tag": lambda a: send(f"{V3}/traces/{a.trace}/tags", "PATCH", key="mark", value="x"),
    "trace": lambda a: send(f"{V3}/traces/delete-traces", experiment_id=a.experiment, request_ids=[a.trace]),
    "right on an experiment": lambda a: send(
        f"{V3}/users/permissions/grant",
        username="alpha-serving",
        resource_type="experiment",
        resource_id=a.experiment,
        permission="MANAGE",
    ),
    "logged model's tag": lambda a: send(
        f"{API}/logged-models/{a.logged}/tags", "PATCH", model_id=a.logged, tags=[{"key": "mark", "value": "x"}]
    ),
    "logged model": lambda a: Request("DELETE", f"{API}/logged-models/{a.logged}"),
    "run": lambda a: send(f"{API}/runs/delete", run_id=a.run),
    "experiment": lambda a: send(f"{API}/experiments/delete", experiment_id=a.experiment),
}
"""Changes of what team alpha has, in an order in which each can happen."""

SERVERS: dict[str, Callable[[Owned], Request]] = {
    "workspace": lambda _: get(f"{V3}/workspaces/alpha"),
    "new workspace": lambda _: send(f"{V3}/workspaces", name="gamma"),
    "workspace's deletion": lambda _: Request("DELETE", f"{V3}/workspaces/alpha", {"mode": "CASCADE"}),
    "logins": lambda _: get(f"{API}/users/list"),
    "login": lambda _: get(f"{API}/users/get", username="alpha-jobs"),
    "new login": lambda _: send(f"{API}/users/create", username="beta-mine", password="a password of mine"),
    "administrator": lambda _: send(f"{API}/users/update-admin", "PATCH", username="beta-jobs", is_admin=True),
    "another's password": lambda _: send(
        f"{API}/users/update-password", "PATCH", username="alpha-jobs", password="a password of mine"
    ),
    "own password": lambda _: send(
        f"{API}/users/update-password", "PATCH", username="beta-jobs", password="a password of mine"
    ),
    "roles": lambda _: get(f"{V3}/roles/list", workspace="alpha"),
    "role": lambda _: send(f"{V3}/roles/create", name="mine", workspace="beta"),
    "role for oneself": lambda _: send(f"{V3}/roles/assign", username="beta-jobs", role_id=1),
    "webhook": lambda _: send(
        f"{API}/webhooks",
        name="w",
        url="https://example.org",
        events=[{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
    ),
    "webhooks": lambda _: get(f"{API}/webhooks"),
    "secret of the AI gateway": lambda _: send(
        f"{V3}/gateway/secrets/create", secret_name="s", secret_value={"api_key": "k"}, provider="openai"
    ),
    "examples": lambda _: send("/ajax-api/3.0/mlflow/demo/generate"),
}
"""Requests for what belongs to the platform."""

WORKSPACES = [None, "beta", "alpha", "default"]
"""Workspaces that a client of team beta may name; with None it names none."""


def everything(server: TrackingServer, alpha: Owned) -> str:
    """Return all of alpha's data as the administrator sees it, except for the state that reading changes."""
    admin = server.client(ADMIN, "alpha")
    found = {name: READS[name](alpha).send(admin).text for name in READS if name != "experiments of the page"}
    return json.dumps(found, sort_keys=True)


@pytest.mark.parametrize("workspace", WORKSPACES)
@pytest.mark.parametrize("login", ["beta-jobs", "beta-notebooks", "beta-promoter"])
def test_nothing_of_another_team_can_be_read(
    server: TrackingServer, alpha: Owned, beta: Owned, login: str, workspace: str | None
) -> None:
    client = server.client(login, workspace)
    assert beta.mark != alpha.mark
    leaks = {
        name: answer.text[:200]
        for name, make_request in READS.items()
        if alpha.mark in (answer := make_request(alpha).send(client)).text or answer.status_code >= 500
    }
    assert not leaks


def test_the_same_requests_answer_the_administrator_and_the_team_itself(server: TrackingServer, alpha: Owned) -> None:
    """Without this, a wrong path or a wrong parameter would look like isolation."""
    for login in (ADMIN, "alpha-jobs", "alpha-serving"):
        client = server.client(login, "alpha")
        silent = {
            name: answer.text[:200]
            for name, make_request in READS.items()
            if name not in HARMLESS and alpha.mark not in (answer := make_request(alpha).send(client)).text
        }
        assert not silent, login


HARMLESS = {
    # Their answers name no text of the team's, or are refused to everybody.
    *("metric's history", "metrics of the page", "files of a run", "files by path", "files of a logged model"),
    *("file through a climbing path", "address of a version", "latest versions"),
}


def test_numbers_of_another_team_are_refused(server: TrackingServer, alpha: Owned) -> None:
    mine, theirs = server.client("alpha-jobs", "alpha"), server.client("beta-jobs", "beta")
    for name in ("metric's history", "metrics of the page", "files of a run", "files of a logged model"):
        assert READS[name](alpha).send(mine).status_code == 200, name
        assert READS[name](alpha).send(theirs).status_code in {403, 404}, name
    address = ok(READS["address of a version"](alpha).send(mine))["artifact_uri"]
    assert address == f"mlflow-artifacts:/{alpha.folder}/models/{alpha.logged}/artifacts"


@pytest.mark.parametrize("workspace", WORKSPACES)
def test_nothing_of_another_team_can_be_changed(server: TrackingServer, alpha: Owned, workspace: str | None) -> None:
    before = everything(server, alpha)
    client = server.client("beta-notebooks", workspace)
    passed = {
        name: (answer.status_code, answer.text[:200])
        for name, make_request in WRITES.items()
        if not 400 <= (answer := make_request(alpha).send(client)).status_code < 500
    }
    assert not passed
    assert everything(server, alpha) == before


def test_the_same_changes_are_the_administrators_to_make(server: TrackingServer) -> None:
    """Without this, a wrong request would look like isolation."""
    owned, client = make(server, "alpha"), server.client(ADMIN, "alpha")
    refused = {
        name: answer.status_code
        for name, make_request in WRITES.items()
        if (answer := make_request(owned).send(client)).status_code != 200
    }
    assert refused == {"parts of a file": 501, "address of a file": 501}, "nobody gets an address of the object store"


def test_what_belongs_to_the_platform_is_refused(server: TrackingServer, alpha: Owned) -> None:
    for workspace in (None, "beta"):
        client = server.client("beta-jobs", workspace)
        passed = {
            name: (answer.status_code, answer.text[:200])
            for name, make_request in SERVERS.items()
            if (answer := make_request(alpha).send(client)).status_code != 403
        }
        assert not passed
    assert ok(server.client("beta-jobs").get(f"{V3}/workspaces"))["workspaces"][0]["name"] == "beta"
    assert len(ok(server.client("beta-jobs").get(f"{V3}/workspaces"))["workspaces"]) == 1


def test_a_workspace_of_another_team_is_named_in_the_refusal(server: TrackingServer) -> None:
    refused = server.client("beta-jobs", "alpha").post(f"{API}/experiments/search", json={"max_results": 1})
    assert refused.status_code == 403
    assert refused.json()["message"] == (
        "Login beta-jobs has no rights in workspace 'alpha'; allowed: beta. Next step: set MLFLOW_WORKSPACE to an "
        "allowed one."
    )


def test_several_workspaces_in_one_request_are_refused(server: TrackingServer, alpha: Owned) -> None:
    for first, second in (("alpha", "beta"), ("beta", "alpha")):
        headers = [("X-MLFLOW-WORKSPACE", first), ("X-MLFLOW-WORKSPACE", second)]
        with httpx.Client(base_url=server.url, auth=("beta-jobs", password_of("beta-jobs")), trust_env=False) as client:
            answer = client.get(f"{API}/experiments/get", params={"experiment_id": alpha.experiment}, headers=headers)
        assert answer.status_code == 403
        assert alpha.mark not in answer.text


def test_without_a_password_nothing_is_answered(server: TrackingServer, alpha: Owned) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for name, make_request in READS.items():
            if name != "file through a climbing path":
                assert make_request(alpha).send(client).status_code == 401, name
    with httpx.Client(base_url=server.url, auth=("alpha-jobs", "guessed"), trust_env=False) as client:
        assert READS["run by id"](alpha).send(client).status_code == 401


def test_a_version_cannot_name_files_of_another_team(server: TrackingServer, alpha: Owned) -> None:
    """MLflow would read them with the server's rights."""
    jobs = server.client("beta-jobs", "beta")
    run = post(jobs, "runs/create", {"experiment_id": _own_experiment(jobs)})["run"]["info"]["run_id"]
    post(jobs, "registered-models/create", {"name": f"thief-{alpha.name}"})
    for source in (
        f"s3://models/{alpha.folder}/models/{alpha.logged}/artifacts",
        f"mlflow-artifacts:/{alpha.folder}/models/{alpha.logged}/artifacts",
        f"mlflow-artifacts://127.0.0.1/{alpha.folder}",
        f"models:/{alpha.logged}",
        f"models:/{alpha.name}/1",
        f"runs:/{alpha.run}/",
        "file:///etc",
        "http://198.51.100.1/x",
        "dummy-source",
    ):
        for lineage in (None, run):
            body = {"name": f"thief-{alpha.name}", "source": source, **({"run_id": run} if lineage else {})}
            answer = jobs.post(f"{API}/model-versions/create", json=body)
            if source == "dummy-source":
                continue  # names no file
            assert 400 <= answer.status_code < 500, (source, answer.text)


def test_a_trace_cannot_name_files_of_another_team(server: TrackingServer, alpha: Owned, beta: Owned) -> None:
    jobs = server.client("beta-jobs", "beta")
    for path in (f"{V3}/traces/{beta.trace}/tags", f"{API}/traces/{beta.trace}/tags"):
        tag = {"key": "mlflow.artifactLocation", "value": f"s3://models/{alpha.folder}/{alpha.run}/artifacts"}
        refused = jobs.patch(path, json=tag)
        assert refused.status_code == 403
        assert "the server's own" in refused.json()["message"]
        assert jobs.patch(path, json={"key": "colour", "value": "blue"}).status_code == 200


def _own_experiment(jobs: httpx.Client) -> str:
    found = ok(jobs.get(f"{API}/experiments/get-by-name", params={"experiment_name": "Default"}))
    return found["experiment"]["experiment_id"]


@pytest.mark.parametrize("login", ["alpha-jobs", "alpha-serving"])
def test_a_model_that_does_not_exist_is_not_found(server: TrackingServer, login: str) -> None:
    """Clients ask for a model before they make it, and expect 404."""
    asking = server.client(login, "alpha")
    answers = [
        asking.get(f"{API}/registered-models/get", params={"name": "absent"}),
        asking.get(f"{API}/registered-models/alias", params={"name": "absent", "alias": "champion"}),
        asking.get(f"{API}/model-versions/get", params={"name": "absent", "version": "1"}),
        asking.post(f"{API}/registered-models/get-latest-versions", json={"name": "absent"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), answer.text
