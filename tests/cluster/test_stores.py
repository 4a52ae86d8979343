"""The stores of the applications, accessed with the applications' own credentials."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import psycopg
import pytest
import redis
import yaml
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from kubernetes import client

from tests.cluster.support import address, online_store, secret


def password_of(core: client.CoreV1Api, login: str) -> str:
    """Return a password from its application's Secret; the job that created the login has only a verifier."""
    if login == "feast":
        url = yaml.safe_load(secret(core, "feast", "feast-config")["feature_store.yaml"])["registry"]["path"]
    elif login == "mlflow":
        url = secret(core, "mlflow", "mlflow-environment")["MLFLOW_BACKEND_STORE_URI"]
    else:
        url = secret(core, "mlflow", "mlflow-auth")["AUTH_DATABASE_URI"]
    parts = urlsplit(url)
    assert parts.username == login
    return parts.password or ""


def connect(core: client.CoreV1Api, login: str, database: str) -> psycopg.Connection[Any]:
    password = password_of(core, login)
    assert password not in json.dumps(secret(core, "data", "postgres-logins"))
    return psycopg.connect(
        host=address(core, "postgres"), user=login, password=password, dbname=database, connect_timeout=5
    )


@pytest.mark.parametrize("login", ["mlflow", "mlflow_auth", "feast"])
def test_a_login_owns_its_database(core: client.CoreV1Api, login: str) -> None:
    with connect(core, login, login) as connection:
        connection.execute("CREATE TABLE probe_of_ownership (x int)")
        connection.rollback()
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert encoding == ("UTF8",)


@pytest.mark.parametrize(("login", "database"), [("mlflow", "feast"), ("feast", "mlflow_auth"), ("feast", "postgres")])
def test_a_login_reaches_no_other_database(core: client.CoreV1Api, login: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect(core, login, database)


def test_postgres_refuses_a_wrong_password(core: client.CoreV1Api) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=address(core, "postgres"), user="mlflow", password="mlflow", dbname="mlflow")


@pytest.fixture(scope="session")
def store(core: client.CoreV1Api) -> Callable[[str], BaseClient]:
    accounts = yaml.safe_load(
        next(
            base64.b64decode(found.data["users.json"])
            for found in core.list_namespaced_secret("data").items
            if found.metadata.name.startswith("s3-accounts-")
        )
    )["accessAccounts"]

    def open_as(application: str) -> BaseClient:
        return boto3.client(
            "s3",
            endpoint_url=f"http://{address(core, 's3')}:7070",
            region_name="us-east-1",
            aws_access_key_id=application,
            aws_secret_access_key=accounts[application]["secret"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    return open_as


def refusal(call: Callable[..., object], **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def written(platform: dict[str, Any], store: Callable[[str], BaseClient]) -> Iterator[tuple[str, str]]:
    """An object that the workload wrote to the features bucket."""
    bucket, key = platform["buckets"]["features"], f"data-science/probe/{uuid.uuid4()}"
    store("data-science-jobs").put_object(Bucket=bucket, Key=key, Body=b"x" * 100_000)
    yield bucket, key
    store("data-science-jobs").delete_object(Bucket=bucket, Key=key)


def test_materialization_reads_features_and_cannot_change_them(
    store: Callable[[str], BaseClient], written: tuple[str, str]
) -> None:
    bucket, key = written
    feast = store("feast")
    assert len(feast.get_object(Bucket=bucket, Key=key)["Body"].read()) == 100_000
    assert key in {
        item["Key"] for item in feast.list_objects_v2(Bucket=bucket, Prefix="data-science/probe/")["Contents"]
    }
    assert refusal(feast.put_object, Bucket=bucket, Key=key, Body=b"y") == "AccessDenied"
    assert refusal(feast.delete_object, Bucket=bucket, Key=key) == "AccessDenied"


def test_predictors_read_nothing_but_models(
    platform: dict[str, Any], store: Callable[[str], BaseClient], written: tuple[str, str]
) -> None:
    serving = store("data-science-serving")
    serving.list_objects_v2(Bucket=platform["buckets"]["models"], Prefix="workspaces/data-science/")
    assert refusal(serving.list_objects_v2, Bucket=platform["buckets"]["models"]) == "AccessDenied"
    assert refusal(serving.get_object, Bucket=written[0], Key=written[1]) == "AccessDenied"
    assert refusal(serving.list_objects_v2, Bucket=platform["buckets"]["raw"]) == "AccessDenied"
    assert refusal(serving.put_object, Bucket=platform["buckets"]["models"], Key="x", Body=b"") == "AccessDenied"


def test_only_mlflow_writes_models(platform: dict[str, Any], store: Callable[[str], BaseClient]) -> None:
    models = platform["buckets"]["models"]
    store("data-science-jobs").list_objects_v2(Bucket=models, Prefix="workspaces/data-science/")
    assert refusal(store("data-science-jobs").put_object, Bucket=models, Key="x", Body=b"") == "AccessDenied"
    key = f"probe/{uuid.uuid4()}"
    store("mlflow").put_object(Bucket=models, Key=key, Body=b"x")
    store("mlflow").delete_object(Bucket=models, Key=key)


def test_nobody_may_change_a_bucket(platform: dict[str, Any], store: Callable[[str], BaseClient]) -> None:
    assert refusal(store("data-science-jobs").delete_bucket, Bucket=platform["buckets"]["raw"]) == "AccessDenied"
    assert refusal(store("data-science-jobs").create_bucket, Bucket="another-one") == "AccessDenied"


def test_redis_wants_its_password(core: client.CoreV1Api) -> None:
    with pytest.raises(redis.AuthenticationError):
        online_store(core, "wrong").ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host=address(core, "redis"), socket_timeout=5).ping()


def test_a_full_online_store_refuses_writes_and_evicts_nothing(core: client.CoreV1Api) -> None:
    settings: Any = online_store(core).config_get("maxmemory*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert int(settings["maxmemory"]) > 0


def test_the_online_store_survives_its_pod(core: client.CoreV1Api) -> None:
    key = f"probe:{uuid.uuid4()}"
    online_store(core).set(key, "kept")
    before = core.read_namespaced_pod("redis-0", "data").metadata.uid
    core.delete_namespaced_pod("redis-0", "data")
    deadline = time.monotonic() + 120
    seen: object = None
    while time.monotonic() < deadline:
        try:
            if core.read_namespaced_pod("redis-0", "data").metadata.uid != before:
                seen = online_store(core).get(key)
                break
        except (redis.RedisError, client.ApiException) as error:
            seen = error
        time.sleep(0.5)
    assert seen == b"kept"
    online_store(core).delete(key)


def mlflow(platform: dict[str, Any], path: str, **arguments: Any) -> httpx.Response:
    return httpx.get(f"{platform['urls']['mlflow']}{path}", timeout=30, trust_env=False, **arguments)


SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


def test_mlflow_wants_its_password(core: client.CoreV1Api, platform: dict[str, Any]) -> None:
    keys = secret(core, "data-science", "mlflow-client")
    right = (keys["MLFLOW_TRACKING_USERNAME"], keys["MLFLOW_TRACKING_PASSWORD"])
    assert mlflow(platform, SEARCH, auth=right).status_code == 200
    assert mlflow(platform, SEARCH).status_code == 401
    for guess in ("password", "password1234", "admin"):
        assert mlflow(platform, SEARCH, auth=("admin", guess)).status_code == 401


def test_mlflow_refuses_a_foreign_host(platform: dict[str, Any]) -> None:
    """A page of another site that resolves its name to the Gateway must get no response."""
    assert mlflow(platform, SEARCH, headers={"Host": "attacker.example"}).status_code == 403


def test_the_feature_server_is_reachable_and_only_reads(platform: dict[str, Any]) -> None:
    base = platform["urls"]["feast"]
    assert httpx.get(f"{base}/health", timeout=10, trust_env=False).status_code == 200
    for path in ("/push", "/materialize", "/write-to-online-store"):
        assert httpx.post(f"{base}{path}", json={}, timeout=10, trust_env=False).status_code == 404
