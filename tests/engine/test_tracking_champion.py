"""What a team's own logins may do: protected aliases, files of registered versions, MLflow's client, pages, limits."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.tracking_data import API, FILES, Owned, make
from tests.engine.tracking_server import ADMIN, ORIGIN, TrackingServer, ok, post, tracking_server

LOGINS = ("pipeline-runner", "jobs", "notebooks", "serving")
"""Logins of a team that its pods have."""

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    with tracking_server(tmp_path_factory.mktemp("tracking"), "alpha", "beta") as running:
        yield running


@pytest.fixture(scope="module")
def alpha(server: TrackingServer) -> Owned:
    return make(server, "alpha")


def registered(server: TrackingServer, name: str) -> dict[str, Any]:
    model = ok(server.client(ADMIN, "alpha").get(f"{API}/registered-models/get", params={"name": name}))
    return model["registered_model"]


def attempts(name: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return requests that would set, move or delete the alias champion, or the version behind it."""
    alias = {"name": name, "alias": "champion"}
    return {
        "set": ("POST", f"{API}/registered-models/alias", {**alias, "version": "2"}),
        "set by the page": ("POST", "/ajax-api/2.0/mlflow/registered-models/alias", {**alias, "version": "2"}),
        "set by another case": (
            "POST",
            f"{API}/registered-models/alias",
            {**alias, "alias": "Champion", "version": "2"},
        ),
        "delete": ("DELETE", f"{API}/registered-models/alias", alias),
        "delete by the page": ("DELETE", "/ajax-api/2.0/mlflow/registered-models/alias", alias),
        "delete the version": ("DELETE", f"{API}/model-versions/delete", {"name": name, "version": "1"}),
        "delete the model": ("DELETE", f"{API}/registered-models/delete", {"name": name}),
        "rename the model": ("POST", f"{API}/registered-models/rename", {"name": name, "new_name": f"{name}-2"}),
        "rename by PATCH": ("PATCH", f"{API}/registered-models/rename", {"name": name, "new_name": f"{name}-2"}),
        "stage": (
            "POST",
            f"{API}/model-versions/transition-stage",
            {"name": name, "version": "2", "stage": "production", "archive_existing_versions": False},
        ),
    }


@pytest.fixture(scope="module")
def second(server: TrackingServer, alpha: Owned) -> str:
    """Register a second version, which is no champion; return its number."""
    jobs = server.client("alpha-jobs", "alpha")
    body = {"name": alpha.name, "source": f"runs:/{alpha.run}/model", "run_id": alpha.run}
    ok(jobs.put(f"{FILES}/{alpha.folder}/{alpha.run}/artifacts/model/model.txt", content=b"second"))
    version = post(jobs, "model-versions/create", body)["model_version"]["version"]
    assert version == "2"
    return version


@pytest.mark.parametrize("identity", LOGINS)
def test_champion_is_out_of_reach(server: TrackingServer, alpha: Owned, second: str, identity: str) -> None:
    before = registered(server, alpha.name)
    assert before["aliases"] == [{"alias": "champion", "version": "1"}]
    for workspace in (None, "alpha"):
        client = server.client(f"alpha-{identity}", workspace)
        for name, (method, path, body) in attempts(alpha.name).items():
            refused = client.request(method, path, json=body)
            # MLflow has no route for some methods; what matters is that nothing changes.
            assert refused.status_code in {403, 404, 405}, (name, refused.status_code, refused.text)
            assert registered(server, alpha.name) == before, name
    assert second == "2"


def test_the_refusal_names_login_alias_model_and_what_is_allowed(server: TrackingServer, alpha: Owned) -> None:
    client = server.client("alpha-jobs")
    body = {"name": alpha.name, "alias": "champion", "version": "1"}
    refused = client.post(f"{API}/registered-models/alias", json=body)
    assert refused.json() == {
        "error_code": "PERMISSION_DENIED",
        "message": f"Login alpha-jobs cannot change champion of the registered model {alpha.name}: the setting "
        "`mlflow.protected_aliases` names it. Allowed: a login with the role promoter in workspace alpha. Next step: "
        "set another alias and have the version promoted.",
    }


@pytest.mark.parametrize("login", ["alpha-promoter", ADMIN])
def test_the_promoter_and_the_administrator_promote(
    server: TrackingServer, alpha: Owned, second: str, login: str
) -> None:
    """The same requests pass here, so the ones above fail for the login's sake."""
    client = server.client(login, "alpha")
    path = f"{API}/registered-models/alias"
    try:
        post(client, "registered-models/alias", {"name": alpha.name, "alias": "champion", "version": second})
        assert registered(server, alpha.name)["aliases"] == [{"alias": "champion", "version": second}]
        ok(client.request("DELETE", path, json={"name": alpha.name, "alias": "champion"}))
        assert "aliases" not in registered(server, alpha.name)
    finally:
        post(client, "registered-models/alias", {"name": alpha.name, "alias": "champion", "version": "1"})


def test_the_promoter_of_another_team_does_not(server: TrackingServer, alpha: Owned, second: str) -> None:
    for workspace in (None, "alpha", "beta"):
        client = server.client("beta-promoter", workspace)
        body = {"name": alpha.name, "alias": "champion", "version": second}
        assert client.post(f"{API}/registered-models/alias", json=body).status_code == (
            403 if workspace == "alpha" else 404
        )
    assert registered(server, alpha.name)["aliases"] == [{"alias": "champion", "version": "1"}]


def test_other_aliases_are_free(server: TrackingServer, alpha: Owned, second: str) -> None:
    for identity in ("pipeline-runner", "jobs", "notebooks"):
        client = server.client(f"alpha-{identity}")
        post(client, "registered-models/alias", {"name": alpha.name, "alias": "challenger", "version": second})
    reader = server.client("alpha-serving")
    body = {"name": alpha.name, "alias": "challenger", "version": "1"}
    assert reader.post(f"{API}/registered-models/alias", json=body).status_code == 403
    path = f"{API}/registered-models/alias"
    body = {"name": alpha.name, "alias": "challenger"}
    assert server.client("alpha-jobs").request("DELETE", path, json=body).status_code == 200


def test_files_of_a_registered_version_do_not_change(server: TrackingServer, alpha: Owned, second: str) -> None:
    """Who could write them would decide what the champion is, without its alias."""
    model = f"{FILES}/{alpha.folder}/models/{alpha.logged}/artifacts"
    run = f"{FILES}/{alpha.folder}/{alpha.run}/artifacts"
    for login in ("alpha-jobs", "alpha-notebooks", "alpha-promoter", ADMIN):
        client = server.client(login, "alpha")
        for path in (f"{model}/model.txt", f"{model}/new.txt", f"{run}/model/model.txt", f"{run}/model/code/new.py"):
            refused = client.put(path, content=b"poison")
            assert refused.status_code == 403, (login, path, refused.text)
        for path in (f"{model}/model.txt", model, f"{run}/model", run, f"{FILES}/{alpha.folder}"):
            refused = client.delete(path)
            assert refused.status_code == 403, (login, path, refused.text)
    jobs = server.client("alpha-jobs", "alpha")
    assert jobs.get(f"{model}/model.txt").text == alpha.mark
    assert jobs.get(f"{run}/model/model.txt").text == "second"
    assert "files of a registered version do not change" in jobs.put(f"{model}/model.txt", content=b"x").text


def test_other_files_change_and_go(server: TrackingServer, alpha: Owned) -> None:
    jobs = server.client("alpha-jobs", "alpha")
    path = f"{FILES}/{alpha.folder}/{alpha.run}/artifacts/notes/a.txt"
    for content in (b"one", b"two"):
        ok(jobs.put(path, content=content))
        assert jobs.get(path).content == content
    ok(jobs.delete(path))
    gone = jobs.get(path)
    assert gone.status_code == 404
    assert gone.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_a_reader_only_reads(server: TrackingServer, alpha: Owned) -> None:
    reader = server.client("alpha-serving")
    assert reader.get(f"{FILES}/{alpha.folder}/models/{alpha.logged}/artifacts/model.txt").text == alpha.mark
    writes = {
        "experiments/create": {"name": "by the reader"},
        "runs/create": {"experiment_id": alpha.experiment},
        "runs/log-metric": {"run_id": alpha.run, "key": "a", "value": 1, "timestamp": 1},
        "registered-models/create": {"name": "by the reader"},
        "model-versions/create": {"name": alpha.name, "source": f"runs:/{alpha.run}/x", "run_id": alpha.run},
        "logged-models": {"experiment_id": alpha.experiment, "name": "m"},
    }
    for path, body in writes.items():
        assert reader.post(f"{API}/{path}", json=body).status_code == 403, path
    path = f"{FILES}/{alpha.folder}/{alpha.run}/artifacts/by-the-reader.txt"
    assert reader.put(path, content=b"x").status_code == 403
    assert reader.delete(path).status_code == 403


TRAINING = """
import mlflow, numpy as np
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

mlflow.sklearn.autolog(log_models=False)
rows = np.arange(20.0).reshape(-1, 1)
with mlflow.start_run() as run:
    model = LinearRegression().fit(rows, rows.ravel())
    mlflow.log_param("mine", 1)
    mlflow.log_dict({"a": 1}, "folder/a.json")
    info = mlflow.sklearn.log_model(
        model, name="model", signature=infer_signature(rows, model.predict(rows)), input_example=rows[:2],
        pip_requirements=["scikit-learn"], registered_model_name="line",
    )
client = MlflowClient()
client.set_registered_model_alias("line", "challenger", "1")
assert mlflow.pyfunc.load_model("models:/line@challenger").predict(rows[:1]).shape == (1,)
assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/folder/a.json") == {"a": 1}
assert list(mlflow.search_runs()["params.mine"]) == ["1"]
with mlflow.start_span("work") as span:
    span.set_inputs({"question": 1})
mlflow.flush_trace_async_logging()
assert len(mlflow.search_traces()) == 1
mlflow.register_prompt("greeting", "Hello {{name}}")
assert mlflow.load_prompt("prompts:/greeting/1").format(name="you") == "Hello you"
print(client.get_run(run.info.run_id).info.artifact_uri)
try:
    client.set_registered_model_alias("line", "champion", "1")
except mlflow.MlflowException as error:
    print(error.error_code, error)
"""


def test_the_client_needs_nothing_but_its_environment(server: TrackingServer) -> None:
    done = server.python(TRAINING, "beta-pipeline-runner", MLFLOW_WORKSPACE="beta")
    assert done.returncode == 0, done.stderr[-3000:]
    address, refused = done.stdout.strip().splitlines()[-2:]
    assert address.startswith("mlflow-artifacts:/workspaces/beta/")
    assert refused.startswith("PERMISSION_DENIED")
    assert "cannot change champion of the registered model line" in refused


OLD = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_text("hello", "a.txt")
print(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a.txt"), run.info.artifact_uri)
"""


def test_a_client_that_knows_no_workspaces_uses_that_of_its_login(server: TrackingServer) -> None:
    done = server.python(OLD, "beta-jobs")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().splitlines()[-1].startswith("hello mlflow-artifacts:/workspaces/beta/")


def test_a_large_file_passes_through_without_touching_the_disk(server: TrackingServer, alpha: Owned) -> None:
    """A pod has little disk and memory; uploads and downloads of everybody share them."""
    jobs = server.client("alpha-jobs", "alpha")
    block, count, digest = os.urandom(MIB), 60, hashlib.sha256()
    spooled: list[int] = []

    def body() -> Iterator[bytes]:
        for _ in range(count):
            digest.update(block)
            spooled.append(size(server.tmp))
            yield block

    path = f"{FILES}/{alpha.folder}/{alpha.run}/artifacts/large.bin"
    ok(jobs.put(path, content=body()))
    back = hashlib.sha256()
    with jobs.stream("GET", path) as answer:
        assert int(answer.headers["content-length"]) == count * MIB
        for chunk in answer.iter_bytes(MIB):
            back.update(chunk)
            spooled.append(size(server.tmp))
    assert back.digest() == digest.digest()
    assert max(spooled) < MIB


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_an_upload_that_breaks_off_leaves_nothing(server: TrackingServer, alpha: Owned) -> None:
    jobs = server.client("alpha-jobs", "alpha")
    path = f"{FILES}/{alpha.folder}/{alpha.run}/artifacts/broken.bin"

    def body() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * MIB
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        jobs.put(path, content=body())
    assert jobs.get(path).status_code == 404


def test_a_large_body_that_is_no_file_is_refused(server: TrackingServer, alpha: Owned) -> None:
    jobs = server.client("alpha-jobs", "alpha")
    large = json.dumps({"run_id": alpha.run, "key": "k", "value": "x" * (70 * MIB)}).encode()
    refused = jobs.post(f"{API}/runs/set-tag", content=large, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["message"].split(".")[0]) == (
        413,
        "The request is larger than 64 MiB",
    )

    def parts() -> Iterator[bytes]:
        for start in range(0, len(large), MIB):
            yield large[start : start + MIB]

    with httpx.Client(base_url=server.url, auth=jobs.auth, timeout=60, trust_env=False) as fresh:
        assert fresh.post(f"{API}/runs/set-tag", content=parts()).status_code == 413


def test_a_page_on_the_platforms_own_address_may_change_things(server: TrackingServer) -> None:
    jobs = server.client("alpha-jobs")
    path = "/ajax-api/2.0/mlflow/runs/search"
    own = jobs.post(path, json={"experiment_ids": ["0"]}, headers={"Origin": ORIGIN})
    assert own.status_code == 200
    other = jobs.post(path, json={"experiment_ids": ["0"]}, headers={"Origin": "http://198.51.100.1"})
    assert (other.status_code, other.text) == (403, "Cross-origin request blocked")


def test_pages_and_their_parts_are_served_to_every_login(server: TrackingServer) -> None:
    page = server.client("alpha-serving").get("/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert 'src="static-files/' in page.text or 'href="./static-files/' in page.text or "static-files/" in page.text
    assert '="/static-files/' not in page.text, "an absolute link leads past the Gateway's path"


def test_webhooks_survive_a_restart(server: TrackingServer) -> None:
    admin = server.client(ADMIN, "alpha")
    body = {
        "name": "w",
        "url": "https://8.8.8.8/hook",
        "secret": "a secret of the webhook",
        "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
    }
    post(admin, "webhooks", body)
    server.stop()
    server.start()
    listed = ok(server.client(ADMIN, "alpha").get(f"{API}/webhooks"))["webhooks"]
    assert [hook["name"] for hook in listed] == ["w"]
