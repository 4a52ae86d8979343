"""Files in the object store: only those of the request's workspace, streamed, and fixed once registered."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_context import ServerWorkspaceContext
from moto import mock_aws

from services.tracking import artifacts
from services.tracking.artifacts import WorkspaceFiles
from services.tracking.registry import Version

RUN, MODEL = "0" * 32, f"m-{'a' * 32}"
FOLDER = f"workspaces/alpha/1/{RUN}/artifacts"
THEIRS = f"workspaces/beta/1/{RUN}/artifacts"
PART = 1 << 12
"""Size of a part of an upload here; as large as in production, the tests would take a minute."""


@pytest.fixture
def versions() -> list[Version]:
    """Versions of the registry; empty until a test adds some."""
    return []


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, versions: list[Version]) -> Iterator[Any]:
    """The bucket `models`, with the file `a.txt` of teams alpha and beta, and a request of alpha."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def found(owner: str, workspace: str) -> list[Version]:
        assert workspace == "alpha"
        return [version for version in versions if owner in version.location]

    monkeypatch.setattr(artifacts, "versions_of", found)
    monkeypatch.setattr(artifacts, "PART", PART)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    with mock_aws(), ServerWorkspaceContext("alpha"):
        made = boto3.resource("s3").create_bucket(Bucket="models")
        for folder in (FOLDER, THEIRS):
            made.put_object(Key=f"{folder}/a.txt", Body=folder.encode())
        yield made


def keys(bucket: Any) -> set[str]:
    return {found.key for found in bucket.objects.all()}


def uses(files: WorkspaceFiles, path: str, here: Path) -> dict[str, Callable[[], object]]:
    """Return every way to use the file `a.txt` of a folder."""
    file = here / "a.txt"
    file.write_text("poison")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"poison"

    return {
        "open": lambda: files.open(f"{path}/a.txt"),
        "download": lambda: files.download_artifacts(f"{path}/a.txt", str(here)),
        "download a folder": lambda: files.download_artifacts(path, str(here)),
        "list": lambda: files.list_artifacts(path),
        "upload a file": lambda: files.log_artifact(str(file), path),
        "upload a folder": lambda: files.log_artifacts(str(here), path),
        "upload a stream": lambda: files.log_artifact_from_stream(io.BytesIO(b"poison"), "a.txt", path),
        "upload a body": lambda: asyncio.run(files.log_artifact_from_async_stream(chunks(), "a.txt", path)),
        "delete": lambda: files.delete_artifacts(f"{path}/a.txt"),
    }


@pytest.mark.parametrize(
    ("root", "path"),
    [("s3://models", THEIRS), (f"s3://models/{THEIRS}", ""), ("s3://models/workspaces", f"beta/1/{RUN}/artifacts")],
)
def test_files_of_another_workspace_are_out_of_reach(bucket: Any, tmp_path: Path, root: str, path: str) -> None:
    before = keys(bucket)
    for way, use in uses(WorkspaceFiles(root), path, tmp_path).items():
        with pytest.raises(MlflowException, match="outside the workspace alpha"):
            use()
        assert keys(bucket) == before, way
    assert bucket.Object(f"{THEIRS}/a.txt").get()["Body"].read() == THEIRS.encode()


def test_the_own_files_are_used_in_each_way(bucket: Any, tmp_path: Path) -> None:
    """So what is refused above is refused for the workspace's sake."""
    for way, use in uses(WorkspaceFiles("s3://models"), FOLDER, tmp_path).items():
        use()
        assert (f"{FOLDER}/a.txt" in keys(bucket)) is (way != "delete"), way


def test_without_a_workspace_there_are_no_files(bucket: Any, tmp_path: Path) -> None:
    before = keys(bucket)
    for way, use in uses(WorkspaceFiles("s3://models"), FOLDER, tmp_path).items():
        with ServerWorkspaceContext(None), pytest.raises(MlflowException, match="names no workspace"):
            use()
        assert keys(bucket) == before, way


@pytest.mark.parametrize("location", [f"runs:/{RUN}", f"mlflow-artifacts:/{FOLDER}", f"runs:/{RUN}/a.txt"])
def test_files_of_a_registered_version_stay(
    bucket: Any, versions: list[Version], tmp_path: Path, location: str
) -> None:
    versions.append(Version(model="forecast", version="3", location=location))
    for way, use in uses(WorkspaceFiles("s3://models"), FOLDER, tmp_path).items():
        if not way.startswith(("upload", "delete")):
            use()
            continue
        with pytest.raises(MlflowException, match="version 3 of the registered model forecast"):
            use()
        assert bucket.Object(f"{FOLDER}/a.txt").get()["Body"].read() == FOLDER.encode(), way


def test_files_beside_a_registered_version_are_free(bucket: Any, versions: list[Version], tmp_path: Path) -> None:
    versions.append(Version(model="forecast", version="3", location=f"runs:/{RUN}/model"))
    for way in ("upload a file", "upload a body", "delete"):
        uses(WorkspaceFiles("s3://models"), FOLDER, tmp_path)[way]()
    assert f"{FOLDER}/a.txt" not in keys(bucket)


def test_a_version_that_is_registered_during_an_upload_keeps_its_file(bucket: Any, versions: list[Version]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * PART
        versions.append(Version(model="forecast", version="1", location=f"runs:/{RUN}"))
        yield b"y"

    files = WorkspaceFiles("s3://models")
    with pytest.raises(MlflowException, match="do not change"):
        asyncio.run(files.log_artifact_from_async_stream(chunks(), "a.txt", FOLDER))
    assert bucket.Object(f"{FOLDER}/a.txt").get()["Body"].read() == FOLDER.encode()
    assert not list(bucket.multipart_uploads.all())


def test_a_stream_of_any_size_arrives(bucket: Any) -> None:
    content = bytes(range(251)) * 40
    files = WorkspaceFiles("s3://models")

    async def chunks(size: int, piece: int) -> AsyncIterator[bytes]:
        for start in range(0, size, piece):
            yield content[start : min(start + piece, size)]

    for size in (0, 1, PART - 1, PART, PART + 1, 2 * PART + 5):
        for piece in (1 << 10, PART + 7):
            asyncio.run(files.log_artifact_from_async_stream(chunks(size, piece), "b.json", FOLDER))
            length, back = files.open(f"{FOLDER}/b.json")
            assert (length, b"".join(back)) == (size, content[:size])
    assert bucket.Object(f"{FOLDER}/b.json").content_type == "application/json"


def test_a_broken_stream_leaves_nothing(bucket: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 1)
        raise ConnectionResetError

    before = keys(bucket)
    with pytest.raises(ConnectionResetError):
        asyncio.run(WorkspaceFiles("s3://models").log_artifact_from_async_stream(chunks(), "b.bin", FOLDER))
    assert keys(bucket) == before
    assert not list(bucket.multipart_uploads.all())


def test_more_than_one_run_or_model_is_not_deleted_at_once(bucket: Any) -> None:
    before = keys(bucket)
    for path in ("workspaces/alpha", "workspaces/alpha/1", "workspaces/alpha/1/models"):
        with pytest.raises(MlflowException, match="more than the files of one run, model or trace"):
            WorkspaceFiles("s3://models").delete_artifacts(path)
        assert keys(bucket) == before


def test_a_file_that_a_page_cannot_hand_out_is_refused_with_its_size(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "MAX_SPOOLED", 3)
    assert keys(bucket)
    with pytest.raises(MlflowException, match="the pages hand out at most"):
        WorkspaceFiles("s3://models").download_artifacts(f"{FOLDER}/a.txt", str(tmp_path))


def test_clients_get_no_addresses_of_the_object_store(bucket: Any) -> None:
    """MLflow offers them when the class is one of these."""
    from mlflow.store.artifact.artifact_repo import MultipartDownloadMixin, MultipartUploadMixin, PresignedUploadMixin

    files = WorkspaceFiles(f"s3://{bucket.name}")
    assert not isinstance(files, MultipartDownloadMixin | MultipartUploadMixin | PresignedUploadMixin)
