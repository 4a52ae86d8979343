"""MLflow's server with teams as in its image: the image's packages, with SQLite and an emulated object store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from uv import find_uv_bin

from artifacts.images.catalog import catalog
from common.paths import ROOT

ADMIN, ADMIN_PASSWORD = "admin", "the administrator's password"
BUCKET = "models"
ORIGIN = "http://198.19.0.80"
DEADLINE_SECONDS = 300
ROLES = {
    "pipeline-runner": "writer",
    "jobs": "writer",
    "notebooks": "member",
    "serving": "reader",
    "promoter": "promoter",
}


def password_of(login: str) -> str:
    return f"password of {login}"


def logins(*teams: str) -> list[dict[str, str]]:
    return [
        {"name": f"{team}-{identity}", "team": team, "role": role, "password": password_of(f"{team}-{identity}")}
        for team in teams
        for identity, role in ROLES.items()
    ]


def image_packages(folder: Path) -> Path:
    """Install the packages of the image `mlflow` and our code beside them, as its Containerfile does."""
    image = catalog().image("mlflow")
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    subprocess.run([*command, "--no-deps", "--require-hashes", "-r", str(image.requirements_txt)], check=True)
    for source in image.sources:
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    for found in image.folder.glob("*.dist-info"):
        shutil.copytree(found, folder / found.name)
    return folder


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """Run an emulated object store with the bucket of models; yield its address."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


@dataclass
class TrackingServer:
    """A server on a port of its own, with its databases and temporary files in `folder`."""

    folder: Path
    packages: Path
    s3: str
    protected: str = "champion,Production"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    def environment(self) -> dict[str, str]:
        config = self.folder / "basic_auth.ini"
        config.write_text(
            f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{self.folder}/users.db\n"
            "auth_cache_ttl_seconds = 60\n"
        )
        self.tmp.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.packages),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.folder),
            "TMPDIR": str(self.tmp),
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{self.folder}/tracking.db",
            "AUTH_DATABASE_URI": f"sqlite:///{self.folder}/users.db",
            "MLFLOW_AUTH_CONFIG_PATH": str(config),
            "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
            "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of sessions",
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "cGFzc3dvcmQtb2YtbWxmbG93LXdlYmhvb2sta2V5LTA=",
            "MLFLOW_ENABLE_WORKSPACES": "true",
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{self.port},198.19.0.80",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ORIGIN,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_S3_ENDPOINT_URL": self.s3,
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLPLATFORM_PROTECTED_ALIASES": self.protected,
            "MLPLATFORM_LOGINS": str(self.folder / "logins.json"),
            "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": sources(),
        }

    def prepare(self, wanted: list[dict[str, str]]) -> str:
        """Run the Job that prepares the databases; return its log."""
        (self.folder / "logins.json").write_text(json.dumps(wanted))
        done = subprocess.run(
            [sys.executable, "-m", "services.tracking"],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "mlflow", "server", "--app-name", "mlplatform", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--serve-artifacts", "--artifacts-destination", f"s3://{BUCKET}"]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            command, env=self.environment(), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
        )
        until = time.monotonic() + DEADLINE_SECONDS
        while not self.healthy():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, f"MLflow does not answer: {self.log()}"
            time.sleep(0.2)

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text()[-4000:]

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.clients.clear()
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)

    def client(self, login: str, workspace: str | None = None, **headers: str) -> httpx.Client:
        """Return a client with a login, and a workspace when one is named."""
        word = ADMIN_PASSWORD if login == ADMIN else password_of(login)
        given = {"X-MLFLOW-WORKSPACE": workspace} if workspace is not None else {}
        client = httpx.Client(
            base_url=self.url, auth=(login, word), headers={**given, **headers}, timeout=60, trust_env=False
        )
        self.clients.append(client)
        return client

    def python(self, code: str, login: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program with MLflow's client, which knows its server and login from the environment alone."""
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": login,
            "MLFLOW_TRACKING_PASSWORD": password_of(login),
            "MLFLOW_EXPERIMENT_NAME": "Default",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "GIT_PYTHON_REFRESH": "quiet",
            **environment,
        }
        return subprocess.run(
            [sys.executable, "-c", code],
            env=given,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def sources() -> str:
    """Return the platform's rule for addresses of versions."""
    from components.applications.mlflow.component import SOURCES

    return SOURCES


@contextlib.contextmanager
def tracking_server(folder: Path, *teams: str) -> Iterator[TrackingServer]:
    """Run a server with these teams."""
    packages = image_packages(folder / "packages")
    with object_store() as s3:
        server = TrackingServer(folder, packages, s3)
        server.prepare(logins(*teams))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def ok(answer: httpx.Response) -> Any:
    """Return the content of an answer that must be a success."""
    assert answer.status_code == 200, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json() if answer.content else None


def post(client: httpx.Client, path: str, body: Mapping[str, Any], method: str = "POST") -> Any:
    return ok(client.request(method, f"/api/2.0/mlflow/{path}", json=dict(body)))
