"""The whole workload with a real MLflow server and an S3 service: idempotent, with a quality gate, servable."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Import Feast before any thread runs: until 3.11.9 CPython's ast.parse, which the import calls, raises SystemError
# when another thread calls it at the same time.
import feast  # noqa: F401
import httpx
import pytest
import yaml

from examples.flights import raw, registry, train, versions
from examples.flights.__main__ import Chain
from examples.flights.environment import Environment
from examples.flights.features.catalog import FEATURE_NAMES, FEATURES, KEYS
from examples.flights.pipeline import steps
from tests.engine.flights_part import LATER, raw_tables, small_parameters, write_raw

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

PARAMS = small_parameters()

DEADLINE_SECONDS = 180.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patched:
        yield patched


@pytest.fixture(scope="module")
def endpoint(patch: pytest.MonkeyPatch) -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():  # fmt: skip
        patch.setenv(name, value)
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run a tracking server with proxied artifacts; yield the folder of the models bucket."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/models"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True)
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + DEADLINE_SECONDS
    try:
        while not healthy(url):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < until, f"MLflow does not answer: {(folder / 'log').read_text()[-2000:]}"
            time.sleep(0.3)
        patch.setenv("MLFLOW_TRACKING_URI", url)
        yield folder / "models"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def where(endpoint: str, mlflow_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return the environment of a Job, after loading the raw tables and running every step once."""
    import boto3

    assert mlflow_server.parent.is_dir()
    folder = tmp_path_factory.mktemp("platform")
    client = boto3.client("s3", endpoint_url=endpoint)
    for bucket in ("raw", "features", "empty"):
        client.create_bucket(Bucket=bucket)
    config = {
        "project": "mlplatform", "provider": "local", "registry": f"{folder}/registry.db",
        "offline_store": {"type": "file"}, "online_store": {"type": "sqlite", "path": f"{folder}/online.db"},
        "entity_key_serialization_version": 3,
    }  # fmt: skip
    (folder / "feature_store.yaml").write_text(yaml.safe_dump(config))
    environment = Environment(
        team="red",
        raw_bucket="raw",
        features_bucket="features",
        endpoint=endpoint,
        feast_config=folder / "feature_store.yaml",
        git_commit="0123abc",
    )
    raw.load(environment, write_raw(tmp_path_factory.mktemp("raw"), raw_tables()))
    return environment


def run(where: Environment, *steps: str, **options: Any) -> None:
    chain = Chain(where, options.get("params", PARAMS), options.get("as_of"))
    for step in steps:
        chain.run(step)


@pytest.fixture(scope="module")
def champion(where: Environment) -> ModelVersion:
    run(where, "build-features", "apply", "materialize", "train")
    found = versions.by_alias(versions.client(), PARAMS.registered_model, PARAMS.candidate)
    assert found is not None
    return found


def test_champion_has_its_lineage(where: Environment, champion: ModelVersion) -> None:
    manifest = where.features.manifest()
    assert champion.tags["data_digest"] == manifest["digest"]
    assert champion.tags["quality_gate"] == "passed"
    assert champion.tags["mlflow.source.git.commit"] == "0123abc"
    assert champion.tags["feature_service_fingerprint"] == registry.fingerprint(registry.open_store(where))
    run_data = versions.client().get_run(champion.run_id).data
    assert run_data.metrics["auc"] >= PARAMS.min_auc
    artifacts = {item.path for item in versions.client().list_artifacts(champion.run_id)}
    assert artifacts >= {"roc.png", "calibration.png", "serving_requests.json", "feature_importance.json"}


def test_model_folder_is_what_serving_loads(mlflow_server: Path, champion: ModelVersion) -> None:
    """Loads the model from the bucket without MLflow: native booster, columns of the signature, feature service."""
    import mlflow

    from services.predictor import model as served

    uri = versions.client().get_model_version_download_uri(champion.name, champion.version)
    assert uri.startswith(("mlflow-artifacts:/", "models:/"))
    (folder,) = mlflow_server.rglob("MLmodel")
    loaded = served.load(folder.parent, champion.version)
    assert loaded.columns == tuple(FEATURE_NAMES)
    assert loaded.feature_service == "flight_delay_v1"
    assert loaded.trained_on == champion.tags["feature_service_fingerprint"]
    assert loaded.predictor.native
    registered = mlflow.pyfunc.load_model(f"models:/{champion.name}@{PARAMS.candidate}")
    example = registered.input_example
    assert list(registered.predict(example)) == loaded.predictor.predict(example.to_numpy().tolist())


def test_requests_carry_keys_only_and_are_known_online(where: Environment, champion: ModelVersion) -> None:
    import mlflow

    path = mlflow.artifacts.download_artifacts(run_id=champion.run_id, artifact_path="serving_requests.json")
    requests = json.loads(Path(path).read_text())
    assert len({tuple(request.values()) for request in requests}) == len(requests) > 100
    assert all(list(request) == KEYS for request in requests)
    rows = registry.online(registry.open_store(where), requests)
    assert all(row["aircraft_last_delay"] is not None and row["route_distance"] is not None for row in rows)


def test_second_run_changes_nothing(where: Environment, champion: ModelVersion) -> None:
    folder = where.features
    before = {name: folder.manifest(name) for name in ("manifest.json", registry.MATERIALIZED)}
    count = len(versions.client().search_model_versions(f"name='{champion.name}'"))
    run(where, "build-features", "apply", "materialize", "train")
    assert {name: folder.manifest(name) for name in before} == before
    assert len(versions.client().search_model_versions(f"name='{champion.name}'")) == count


def test_a_lost_online_store_is_filled_again(where: Environment, champion: ModelVersion) -> None:
    assert champion.version
    store = registry.open_store(where)
    rows = where.features.manifest(registry.MATERIALIZED)["probes"]
    with contextlib.closing(sqlite3.connect(store.config.online_store.path)) as database, database:
        for view in FEATURES:
            database.execute(f"DELETE FROM {store.project}_{view}")  # noqa: S608 the names are ours
    assert not any(registry.equal(row, found) for row, found in zip(rows, registry.online(store, rows), strict=True))
    run(where, "materialize")
    assert all(registry.equal(row, found) for row, found in zip(rows, registry.online(store, rows), strict=True))


def test_verify_sees_a_store_that_is_behind(where: Environment, champion: ModelVersion) -> None:
    assert champion.version
    run(where, "verify")
    run(where, "build-features", as_of=LATER)
    try:
        with pytest.raises(RuntimeError, match=r"of 500 keys differ online from offline; first .* online, "):
            run(where, "verify")
    finally:
        run(where, "build-features")
    run(where, "verify")


def test_a_poor_model_is_registered_but_never_champion(where: Environment, champion: ModelVersion) -> None:
    strict = replace(PARAMS, min_auc=0.99, training=replace(PARAMS.training, seed=1))
    run(where, "build-features", as_of=LATER)
    try:
        with pytest.raises(train.QualityGateError, match=r"auc is 0\.\d+, at least 0\.99 is required"):
            run(where, "train", params=strict)
    finally:
        run(where, "build-features")
    still = versions.by_alias(versions.client(), PARAMS.registered_model, PARAMS.candidate)
    assert still is not None
    assert still.version == champion.version
    newest = max(versions.client().search_model_versions(f"name='{champion.name}'"), key=lambda item: int(item.version))
    assert newest.version != champion.version
    assert newest.tags["quality_gate"] == "failed"


def test_steps_out_of_order_say_what_to_run(where: Environment) -> None:
    empty = replace(where, raw_bucket="empty", features_bucket="empty")
    with pytest.raises(FileNotFoundError, match="set FEAST_CONFIG"):
        registry.open_store(replace(where, feast_config=Path("/nowhere.yaml")))
    with pytest.raises(FileNotFoundError, match="run `load-raw` first"):
        run(empty, "build-features")
    with pytest.raises(FileNotFoundError, match="run `build-features` first"):
        run(empty, "train")


@pytest.fixture(scope="module")
def made(
    where: Environment, champion: ModelVersion, patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> tuple[steps.Loaded, Path, str]:
    """Return the results of the pipeline's steps: their files, and the version that they registered."""
    assert champion.version
    folder = tmp_path_factory.mktemp("pipeline")
    patch.setattr(steps, "parameters", lambda: PARAMS)
    for name, value in {
        "TEAM": "red", "RAW_BUCKET": "raw", "FEATURES_BUCKET": "features",
        "FEAST_CONFIG": str(where.feast_config), "KFP_RUN_ID": "run-1",
    }.items():  # fmt: skip
        patch.setenv(name, value)
    found = steps.load("", 2500, 900, folder / "train", folder / "test")
    steps.fit(folder / "train", folder / "model", rounds=40, learning_rate=0.04, num_leaves=31, seed=2)
    evaluate(folder, found)
    return found, folder, register(folder, found)


def evaluate(folder: Path, found: steps.Loaded, min_auc: float = PARAMS.min_auc) -> None:
    steps.evaluate(
        folder / "model",
        folder / "test",
        found.base_rate,
        folder / "roc",
        folder / "calibration",
        min_auc=min_auc,
        min_brier_skill=PARAMS.min_brier_skill,
    )


def register(folder: Path, found: steps.Loaded, **changes: str) -> str:
    known = {
        "pipeline_id": "pipeline-1", "data_digest": found.data_digest, "data_as_of": found.data_as_of,
        "feature_service_version": found.feature_service_version, "git_commit": "0123abc",
    }  # fmt: skip
    return steps.register(
        folder / "model", folder / "test", {"auc": 0.7}, steps.Origin(**{**known, **changes}), "challenger"
    )


def test_pipeline_registers_a_challenger_and_leaves_the_champion(
    made: tuple[steps.Loaded, Path, str], champion: ModelVersion
) -> None:
    found, folder, version = made
    challenger = versions.by_alias(versions.client(), champion.name, "challenger")
    still = versions.by_alias(versions.client(), champion.name, PARAMS.candidate)
    assert challenger is not None
    assert still is not None
    assert (challenger.version, still.version) == (version, champion.version)
    assert challenger.tags.items() >= {
        "pipeline_run_id": "run-1", "pipeline_id": "pipeline-1", "data_digest": found.data_digest,
        "mlflow.source.git.commit": "0123abc", "feature_service_fingerprint": found.feature_service_version,
    }.items()  # fmt: skip
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in ("roc", "calibration"))


def test_pipeline_s_steps_are_nested_in_one_run(made: tuple[steps.Loaded, Path, str]) -> None:
    client = versions.client()
    experiment = client.get_experiment_by_name(PARAMS.experiment)
    runs = client.search_runs([experiment.experiment_id], filter_string="tags.pipeline_run_id = 'run-1'")
    (above,) = [run for run in runs if run.data.tags["pipeline_step"] == "pipeline"]
    below = {run.data.tags["pipeline_step"]: run for run in runs if run is not above}
    assert set(below) == {"load-features", "train", "evaluate", "register"}
    assert {run.data.tags["mlflow.parentRunId"] for run in below.values()} == {above.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert below["register"].data.tags["registered_version"] == made[2]


def pipeline_runs(run_id: str) -> dict[str, Any]:
    """Return MLflow's runs of a pipeline run by step, the parent as `pipeline`."""
    client = versions.client()
    experiment = client.get_experiment_by_name(PARAMS.experiment)
    found = client.search_runs([experiment.experiment_id], filter_string=f"tags.pipeline_run_id = '{run_id}'")
    return {run.data.tags["pipeline_step"]: run for run in found}


def test_a_model_below_the_gate_fails_its_run_and_leaves_metrics_and_reason(
    made: tuple[steps.Loaded, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder, _ = made
    monkeypatch.setenv("KFP_RUN_ID", "run-poor")
    with pytest.raises(train.QualityGateError):
        evaluate(folder, found, min_auc=0.999)
    runs = pipeline_runs("run-poor")
    assert {name: run.info.status for name, run in runs.items()} == {"pipeline": "FAILED", "evaluate": "FAILED"}
    assert all("at least 0.999 is required" in run.data.tags["failure"] for run in runs.values())
    assert 0.5 < runs["evaluate"].data.metrics["auc"] < 0.999


def test_a_run_whose_last_steps_are_reused_is_finished(
    made: tuple[steps.Loaded, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder, _ = made
    monkeypatch.setenv("KFP_RUN_ID", "run-partly-reused")
    evaluate(folder, found)
    statuses = {name: run.info.status for name, run in pipeline_runs("run-partly-reused").items()}
    assert statuses == {"pipeline": "FINISHED", "evaluate": "FINISHED"}


def test_a_registration_that_is_tried_again_makes_no_second_version(made: tuple[steps.Loaded, Path, str]) -> None:
    found, folder, version = made
    assert register(folder, found) == version


def test_pipeline_stops_at_other_features_and_other_data(made: tuple[steps.Loaded, Path, str]) -> None:
    found, folder, _ = made
    with pytest.raises(registry.FeatureServiceError, match="the features were loaded from version other"):
        register(folder, found, feature_service_version="other")
    with pytest.raises(steps.SnapshotError, match="the run needs feature tables 000000000000"):
        steps.load("0" * 64, 2500, 900, folder / "train", folder / "test")
