"""The ML Metadata server as in its image: with upstream's library, SQLite and upstream's client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from artifacts.images.catalog import catalog
from common.paths import ROOT

CLIENT = """
import json, sys
from ml_metadata import errors
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

store = MetadataStore(proto.MetadataStoreClientConfig(host="127.0.0.1", port=int(sys.argv[1])))
if sys.argv[2] == "write":
    dataset = proto.ArtifactType(name="system.Dataset", properties={"rows": proto.INT})
    dataset_id = store.put_artifact_type(dataset)
    step_id = store.put_execution_type(proto.ExecutionType(name="system.ContainerExecution"))
    run_id = store.put_context_type(proto.ContextType(name="system.PipelineRun"))
    artifact = proto.Artifact(type_id=dataset_id, uri="s3://raw/flights", state=proto.Artifact.LIVE)
    artifact.properties["rows"].int_value = 336776
    artifact.custom_properties["of"].string_value = "flüge"
    execution = proto.Execution(type_id=step_id, last_known_state=proto.Execution.COMPLETE)
    event = proto.Event(type=proto.Event.OUTPUT)
    run = proto.Context(type_id=run_id, name="run-1")
    store.put_execution(execution, [(artifact, event)], [run])
try:
    store.get_artifact_type("absent")
except errors.NotFoundError as error:
    absent = str(error)
[artifact] = store.get_artifacts_by_uri("s3://raw/flights")
[event] = store.get_events_by_artifact_ids([artifact.id])
[run] = store.get_contexts_by_execution(event.execution_id)
print(json.dumps({
    "rows": artifact.properties["rows"].int_value,
    "of": artifact.custom_properties["of"].string_value,
    "run": run.name,
    "executions": len(store.get_executions()),
    "absent": absent,
}))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the image's requirements.txt into a folder; return the folder."""
    folder = tmp_path_factory.mktemp("packages")
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    requirements = catalog().image("ml-metadata").requirements_txt
    subprocess.run([*command, "--no-deps", "--require-hashes", "-r", str(requirements)], check=True)
    return folder


class Server:
    """A server on a free port that stores its data in `records`."""

    def __init__(self, packages: Path, records: Path, log: Path) -> None:
        self.packages = packages
        self.records = records
        self.log = log
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, **settings: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{self.packages}:{ROOT}", **settings}

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {"METADATA_PORT": str(self.port), "METADATA_SQLITE_PATH": str(self.records)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-S", "-m", "services.ml_metadata"],
                env=self.environment(**settings),
                stderr=log,
                cwd="/",
            )
        end = time.monotonic() + 60
        while f"on port {self.port}" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"never served: {self.log.read_text()}"
            time.sleep(0.05)

    def stop(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def client(self, what: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-S", "-c", CLIENT, str(self.port), what],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def server(packages: Path, tmp_path: Path) -> Iterator[Server]:
    made = Server(packages, tmp_path / "records.db", tmp_path / "log")
    yield made
    if made.process and made.process.poll() is None:
        made.stop(signal.SIGKILL)


def test_upstreams_client_finds_what_it_wrote_also_after_the_server_was_killed(server: Server) -> None:
    server.start()
    written = server.client("write")
    assert written["rows"] == 336776
    assert written["of"] == "flüge"
    assert written["run"] == "run-1"
    assert written["executions"] == 1
    assert "absent" in str(written["absent"])
    server.stop(signal.SIGKILL)
    server.start()
    assert server.client("read") == written
    assert server.stop(signal.SIGTERM) == 0


def test_a_database_that_cannot_be_opened_ends_the_start_with_the_reason(packages: Path, tmp_path: Path) -> None:
    broken = Server(packages, tmp_path, tmp_path / "log")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "services.ml_metadata"],
        env=broken.environment(METADATA_SQLITE_PATH=str(tmp_path), METADATA_WAIT_SECONDS="0"),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=60,
    )
    assert done.returncode == 1
    assert f"sqlite:{tmp_path} could not be opened within 0 s" in done.stderr
