"""MLflow on the platform: a team's workspace, the champion out of reach of its pods, pages on the Gateway's address."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from kubernetes import client

from client import platform as platforms
from client.job import JobSpec
from client.platform import Platform
from client.runner import JobRun
from examples.flights.parameters import parameters
from tests.cluster.support import secret

API = "/api/2.0/mlflow"

FROM_A_POD = """
import json, os, boto3, mlflow
from mlflow import MlflowClient

def tried(work):
    try:
        return str(work())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

model, theirs = os.environ["MODEL"], os.environ["THEIRS"]
registry, store = MlflowClient(), boto3.client("s3")
version = registry.get_model_version_by_alias(model, "champion").version
with mlflow.start_run(experiment_id=registry.get_experiment_by_name("Default").experiment_id) as run:
    mlflow.log_text("mine", "mine.txt")
print(json.dumps({
    "user": os.environ["MLFLOW_TRACKING_USERNAME"],
    "own": mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/mine.txt"),
    "champion": tried(lambda: registry.set_registered_model_alias(model, "champion", version)),
    "challenger": tried(lambda: registry.set_registered_model_alias(model, "probe", version)),
    "theirs": tried(lambda: registry.get_experiment(theirs)),
    "their files": tried(lambda: store.list_objects_v2(Bucket=os.environ["MODELS_BUCKET"], Prefix=f"{theirs}/")),
    "own files": tried(lambda: store.list_objects_v2(
        Bucket=os.environ["MODELS_BUCKET"], Prefix=f"workspaces/{os.environ['TEAM']}/", MaxKeys=1)["KeyCount"]),
    "write": tried(lambda: store.put_object(
        Bucket=os.environ["MODELS_BUCKET"], Key=f"workspaces/{os.environ['TEAM']}/0/probe", Body=b"x")),
}))
registry.delete_registered_model_alias(model, "probe")
"""
"""Program of a Job of the team; its last line is what each attempt gave."""


@pytest.fixture(scope="module")
def team(platform: dict[str, Any]) -> Platform:
    """The platform as the stack's default team sees it."""
    assert platform["teams"]
    return platforms.load("local")


@pytest.fixture(scope="module")
def admin(platform: dict[str, Any], core: client.CoreV1Api) -> Iterator[httpx.Client]:
    """Client of the administrator in the workspace that belongs to no team."""
    keys = secret(core, platform["namespaces"]["mlflow"], "mlflow-admin")
    headers = {"X-MLFLOW-WORKSPACE": "default"}
    with httpx.Client(
        base_url=platform["urls"]["mlflow"],
        auth=(keys["username"], keys["password"]),
        headers=headers,
        timeout=30,
        trust_env=False,
    ) as http:
        yield http


@pytest.fixture(scope="module")
def theirs(admin: httpx.Client) -> Iterator[str]:
    """Id of an experiment that belongs to no team."""
    made = admin.post(f"{API}/experiments/create", json={"name": f"theirs-{uuid.uuid4().hex}"}).json()["experiment_id"]
    yield made
    admin.post(f"{API}/experiments/delete", json={"experiment_id": made})


@pytest.fixture(scope="module")
def jobs(team: Platform) -> Iterator[httpx.Client]:
    """Client with the login of the team's jobs, which names no workspace."""
    keys = team.secret("mlflow")
    login = (keys["MLFLOW_TRACKING_USERNAME"], keys["MLFLOW_TRACKING_PASSWORD"])
    with httpx.Client(base_url=team.url("mlflow"), auth=login, timeout=30, trust_env=False) as http:
        yield http


def test_a_pod_works_in_its_workspace_and_cannot_promote(team: Platform, theirs: str) -> None:
    model = parameters().registered_model
    spec = JobSpec(
        name="mlflow-probe",
        image=team.job_image,
        command=["python", "-c", FROM_A_POD],
        environment={"MODEL": model, "THEIRS": theirs, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
        keep_seconds=60,
    )
    lines: list[str] = []
    JobRun(team, spec).run(lines.append)
    got = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    assert (got["user"], got["own"]) == (f"{team.team}-jobs", "mine")
    assert f"cannot change champion of the registered model {model}" in got["champion"]
    assert got["challenger"] == "None"
    assert "error code 403" in got["theirs"]
    assert "AccessDenied" in got["their files"]
    assert got["own files"] == "1"
    assert "AccessDenied" in got["write"]


def test_the_promoters_password_is_in_no_namespace_of_a_team(
    platform: dict[str, Any], core: client.CoreV1Api, team: Platform
) -> None:
    password = base64.b64encode(team.secret("mlflow_promoter")["MLFLOW_TRACKING_PASSWORD"].encode()).decode()
    places = {
        (found.metadata.namespace, found.metadata.name)
        for found in core.list_secret_for_all_namespaces().items
        if password in (found.data or {}).values()
    }
    assert places == {(platform["namespaces"]["mlflow"], f"mlflow-{team.team}-promoter")}


def test_another_workspace_is_refused_and_the_own_one_is_found(
    jobs: httpx.Client, admin: httpx.Client, team: Platform, theirs: str
) -> None:
    path, asked = f"{API}/experiments/get", {"experiment_id": theirs}
    assert admin.get(path, params=asked).status_code == 200
    assert jobs.get(path, params=asked).status_code in {403, 404}
    assert jobs.get(path, params=asked, headers={"X-MLFLOW-WORKSPACE": "default"}).status_code == 403
    model = parameters().registered_model
    found = jobs.get(f"{API}/registered-models/alias", params={"name": model, "alias": "champion"})
    assert found.status_code == 200
    version = found.json()["model_version"]["version"]
    where = jobs.get(f"{API}/model-versions/get-download-uri", params={"name": model, "version": version}).json()
    assert where["artifact_uri"].startswith(f"mlflow-artifacts:/workspaces/{team.team}/")


def test_pages_open_at_the_documented_address(team: Platform, jobs: httpx.Client) -> None:
    address = team.url("mlflow")
    moved = jobs.get(address, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (302, f"{address}/")
    page = jobs.get(f"{address}/")
    script = page.text.partition('src="static-files/')[2].partition('"')[0]
    assert jobs.get(f"{address}/static-files/{script}").status_code == 200
    origin = f"{urlsplit(address).scheme}://{urlsplit(address).netloc}"
    search = f"{address}/ajax-api/2.0/mlflow/experiments/search"
    assert jobs.post(search, json={"max_results": 1}, headers={"Origin": origin}).status_code == 200
    assert jobs.post(search, json={"max_results": 1}, headers={"Origin": "http://attacker.example"}).status_code == 403


def test_a_large_file_passes_the_gateway(team: Platform, jobs: httpx.Client) -> None:
    """400 MiB, above every buffer on the way: Envoy's, the server's memory limit would be near with two of them."""
    name = f"large-{uuid.uuid4().hex}"
    experiment = jobs.post(f"{API}/experiments/create", json={"name": name}).json()["experiment_id"]
    run = jobs.post(f"{API}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
    folder = f"workspaces/{team.team}/{experiment}/{run}"
    path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/artifacts/large.bin"
    block, count = b"0123456789abcdef" * 65536, 400
    try:
        sent = jobs.put(path, content=(block for _ in range(count)), timeout=300)
        assert sent.status_code == 200, sent.text
        with jobs.stream("GET", path, timeout=300) as back:
            assert sum(len(chunk) for chunk in back.iter_bytes()) == len(block) * count
    finally:
        jobs.delete(f"/api/2.0/mlflow-artifacts/artifacts/{folder}")
        jobs.post(f"{API}/experiments/delete", json={"experiment_id": experiment})
