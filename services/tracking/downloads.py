"""Streams a file from the object store to a client; MLflow's own route copies it to the pod's disk first."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import posixpath

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse
from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.utils.uri import validate_path_is_safe

from services.tracking.artifacts import WorkspaceFiles

PATH = "mlflow-artifacts/artifacts/{artifact_path:path}"

router = APIRouter()


@router.get(f"/api/2.0/{PATH}")
@router.get(f"/ajax-api/2.0/{PATH}")
async def download(artifact_path: str) -> Response:
    """Answer with the file's content. MLflow has checked before that the login may read it."""
    try:
        path = handlers._get_workspace_scoped_repo_path_if_enabled(validate_path_is_safe(artifact_path))
        files = handlers._get_artifact_repo_mlflow_artifacts()
        size, content = await asyncio.to_thread(files.open, path)
    except MlflowException as error:
        return JSONResponse(json.loads(error.serialize_as_json()), error.get_http_status_code())
    name = posixpath.basename(artifact_path)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": handlers._content_disposition_attachment(name),
        "X-Content-Type-Options": "nosniff",
    }
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return StreamingResponse(content, media_type=kind, headers=headers)


def install(app: FastAPI) -> None:
    """Put the route before MLflow's, when files are in the object store."""
    if isinstance(handlers._get_artifact_repo_mlflow_artifacts(), WorkspaceFiles):
        app.router.routes[:0] = router.routes
