"""Answers 404 for a registered model that the request's workspace lacks, where MLflow's permissions answer 403.

MLflow derives a login's rights from the model's workspace, so it refuses a model that does not exist. Its clients
expect 404 then: they treat 403 as a failure. A login reaches only workspaces of its own, by
`services.tracking.membership`, so the answer tells nothing about other teams.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.server import handlers
from mlflow.utils import workspace_context

from services.tracking.guard import refusal

ABSENT = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
CREATE = "_create_registered_model"
"""MLflow's function that makes a model: its refusal says that the login may not."""

PATHS = ("/mlflow/registered-models/", "/mlflow/model-versions/")
"""Parts of the paths that begin with the name of a registered model in their parameters."""


def install(app: Flask) -> None:
    """Look at each answer before it is sent."""
    app.after_request(corrected)


def corrected(response: Response) -> Response:
    """Return the answer, or 404 when it refuses access to a registered model that the workspace lacks."""
    if response.status_code != HTTPStatus.FORBIDDEN or not any(part in request.path for part in PATHS):
        return response
    if request.endpoint == CREATE:
        return response
    name = _name()
    if name is None or workspace_context.get_request_workspace() is None or _exists(name):
        return response
    message = f"Registered Model with name={name} not found"
    return refusal(message, HTTPStatus.NOT_FOUND, ABSENT)


def _name() -> str | None:
    body: object = request.get_json(force=True, silent=True) if request.method != "GET" else None
    given = body.get("name") if isinstance(body, dict) else None
    found = given or request.args.get("name")
    return found if isinstance(found, str) else None


def _exists(name: str) -> bool:
    try:
        handlers._get_model_registry_store().get_registered_model(name)
    except MlflowException as error:
        return error.error_code != ABSENT
    return True
