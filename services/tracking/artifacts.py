"""Files of runs and models in the object store: each workspace below its own prefix, streamed, registered ones fixed.

MLflow uses this class for every `s3://` address, in place of its own (entry point `mlflow.artifact_repository`).
"""

from __future__ import annotations

import asyncio
import mimetypes
import posixpath
from collections.abc import AsyncIterable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

from botocore.exceptions import ClientError
from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE, PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository, StreamUploadMixin
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.utils import workspace_context
from typing_extensions import override

from services.tracking import keys
from services.tracking.registry import versions_of
from services.tracking.settings import MAX_SPOOLED, MIB

P = ParamSpec("P")
T = TypeVar("T")

PART = 16 * MIB
"""Size of a part of an upload, in bytes: all that is kept in memory. S3 allows 10,000 parts, so 156 GiB for a file."""

CHUNK = MIB
"""Size of a piece of a download, in bytes."""


class RequestThreads(ThreadPoolExecutor):
    """Threads that know the request, and so its workspace, for which they work."""

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread, with the context of the caller."""
        return super().submit(copy_context().run, fn, *args, **kwargs)


class WorkspaceFiles(StreamUploadMixin, ArtifactRepository):
    """Files below an `s3://` address, as far as they belong to the workspace of the request.

    It contains MLflow's class instead of inheriting from it: its subclasses would offer clients addresses with which
    they reach the object store directly, and change files without a check.
    """

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._inner = S3ArtifactRepository(artifact_uri, tracking_uri=tracking_uri, registry_uri=registry_uri)
        self._bucket, self._root = self._inner.parse_s3_compliant_uri(artifact_uri)

    def _create_thread_pool(self) -> ThreadPoolExecutor:
        return RequestThreads(max_workers=self.max_workers)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Upload a file."""
        self._writable(self._key(artifact_path, Path(local_file).name))
        self._inner.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Upload a folder."""
        self._writable(self._key(artifact_path))
        self._inner.log_artifacts(local_dir, artifact_path)

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Upload what a file object contains."""
        upload = self._upload(artifact_file_name, artifact_path)
        try:
            while block := stream.read(PART):
                upload.add(block)
            upload.finish()
        except BaseException:
            upload.abort()
            raise

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Upload the body of a request while it arrives."""
        upload = await asyncio.to_thread(self._upload, artifact_file_name, artifact_path)
        try:
            async for chunk in chunks:
                if upload.would_send(chunk):
                    await asyncio.to_thread(upload.add, chunk)
                else:
                    upload.add(chunk)
            await asyncio.to_thread(upload.finish)
        except BaseException:
            await asyncio.to_thread(upload.abort)
            raise

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return the files and folders directly in a folder."""
        self._key(path)
        return self._inner.list_artifacts(path)

    def open(self, path: str) -> tuple[int, Iterator[bytes]]:
        """Return size and content of a file.

        Raises:
            MlflowException: It does not exist, or belongs to another workspace.
        """
        found = self._head_or_body("get_object", path)
        return int(found["ContentLength"]), found["Body"].iter_chunks(CHUNK)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        size = int(self._head_or_body("head_object", remote_file_path)["ContentLength"])
        if size > MAX_SPOOLED:
            raise MlflowException(
                f"{remote_file_path} has {size >> 20} MiB; the pages hand out at most {MAX_SPOOLED >> 20} MiB. "
                "Next step: `mlflow artifacts download`, which has no limit.",
                INVALID_STATE,
            )
        self._inner._download_file(remote_file_path, local_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or folder of one run, model or trace."""
        key = self._key(artifact_path)
        workspace = self._workspace()
        if keys.owner(key, workspace) is None and not keys.of_trace(key, workspace):
            raise MlflowException(
                f"{key} is more than the files of one run, model or trace. Next step: delete them one by one.",
                PERMISSION_DENIED,
            )
        self._writable(key)
        self._inner.delete_artifacts(artifact_path)

    def _head_or_body(self, call: str, path: str) -> Any:  # noqa: ANN401 - a dictionary of botocore
        key = self._key(path)
        try:
            return getattr(self._inner._get_s3_client(), call)(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}:
                raise MlflowException(f"There is no file {path}.", RESOURCE_DOES_NOT_EXIST) from error
            raise

    def _upload(self, name: str, folder: str | None) -> Upload:
        key = self._key(folder, posixpath.basename(name))
        self._writable(key)
        return Upload(self, self._inner._get_s3_client(), self._bucket, key)

    @staticmethod
    def _workspace() -> str:
        workspace = workspace_context.get_request_workspace()
        if not workspace:
            raise MlflowException("Files belong to a workspace, and the request names no workspace.", PERMISSION_DENIED)
        return workspace

    def _key(self, *parts: str | None) -> str:
        """Return the key of a path.

        Raises:
            MlflowException: It belongs to another workspace.
        """
        key = posixpath.join(self._root, *(part for part in parts if part))
        if not keys.inside(key, self._workspace()):
            raise MlflowException(f"{key} is outside the workspace {self._workspace()}.", PERMISSION_DENIED)
        return key

    def _writable(self, key: str) -> None:
        """Refuse to change files of a registered version: what was judged and promoted is what will be served.

        Raises:
            MlflowException: A version of the registry has this file, or files below this folder.
        """
        owner = keys.owner(key, self._workspace())
        if owner is None:
            return
        for version in versions_of(owner.id, self._workspace()):
            if owner.model or keys.overlap(owner.path, keys.source_path(version.location, owner.id)):
                raise MlflowException(
                    f"{key} belongs to version {version.version} of the registered model {version.model}, and files of "
                    "a registered version do not change. Next step: log the model again and register a new version.",
                    PERMISSION_DENIED,
                )


class Upload:
    """An upload of unknown size: one request up to a part's size, else a multipart upload."""

    def __init__(self, files: WorkspaceFiles, client: Any, bucket: str, key: str) -> None:  # noqa: ANN401 - of boto3
        self._files, self._client, self._key = files, client, key
        self._place = {"Bucket": bucket, "Key": key}
        self._waiting = bytearray()
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []

    def would_send(self, chunk: bytes) -> bool:
        """Return whether `add` would wait for the network."""
        return len(self._waiting) + len(chunk) >= PART

    def add(self, chunk: bytes) -> None:
        """Take a piece; send a part when it is full."""
        self._waiting += chunk
        while len(self._waiting) >= PART:
            self._send(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def finish(self) -> None:
        """Send what is left, and make the file appear."""
        # The version may have been registered while its file arrived.
        self._files._writable(self._key)
        if self._id is None:
            self._client.put_object(**self._place, **self._type(), Body=bytes(self._waiting))
            return
        if self._waiting:
            self._send(bytes(self._waiting))
        self._client.complete_multipart_upload(**self._place, UploadId=self._id, MultipartUpload={"Parts": self._parts})

    def abort(self) -> None:
        """Remove the parts that were sent."""
        if self._id is not None:
            self._client.abort_multipart_upload(**self._place, UploadId=self._id)

    def _send(self, part: bytes) -> None:
        if self._id is None:
            self._id = self._client.create_multipart_upload(**self._place, **self._type())["UploadId"]
        number = len(self._parts) + 1
        sent = self._client.upload_part(**self._place, UploadId=self._id, PartNumber=number, Body=part)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})

    def _type(self) -> dict[str, str]:
        guessed, encoding = mimetypes.guess_type(self._key)
        found = {"ContentType": guessed, "ContentEncoding": encoding}
        return {name: value for name, value in found.items() if value}
