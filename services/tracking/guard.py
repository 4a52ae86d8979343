"""Refuses requests that MLflow's permissions cannot refuse: protected aliases, and rights that the settings own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from mlflow.exceptions import MlflowException
from mlflow.protos import model_registry_pb2 as registry_api
from mlflow.protos import service_pb2 as tracking_api
from mlflow.server import auth, handlers
from mlflow.utils import workspace_context
from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION

from services.tracking.protection import Change, Operation, Registered, touched

PROMOTER = "promoter"
"""Role that may change protected aliases and stages of its workspace."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint of MLflow that changes the model registry.

    Attributes:
        operation: What it changes.
        message: Class of its request; the guard reads a request exactly as MLflow does.
    """

    operation: Operation
    message: Callable[[], Any]


CHANGES: Mapping[str, Endpoint] = {
    "_set_registered_model_alias": Endpoint(operation="alias", message=registry_api.SetRegisteredModelAlias),
    "_delete_registered_model_alias": Endpoint(operation="alias", message=registry_api.DeleteRegisteredModelAlias),
    "_rename_registered_model": Endpoint(operation="model", message=registry_api.RenameRegisteredModel),
    "_delete_registered_model": Endpoint(operation="model", message=registry_api.DeleteRegisteredModel),
    "_delete_model_version": Endpoint(operation="version", message=registry_api.DeleteModelVersion),
    "_transition_stage": Endpoint(operation="stage", message=registry_api.TransitionModelVersionStage),
}
"""By the name of MLflow's function, because it serves each under several paths."""

SETTLED = ("grant_user_permission", "revoke_user_permission", "update_user_password", "list_users")
"""Functions of MLflow for logins and rights, which the platform's settings own.

MLflow lets the creator of an experiment give rights on it to anybody, a login change its own password, and every login
list all others.
"""

DEMO = "_generate_demo"
"""MLflow's function that fills a workspace with examples, open to every login, also to those that may only read."""

TRACE_TAGS: Mapping[str, Callable[[], Any]] = {
    "_set_trace_tag": tracking_api.SetTraceTag,
    "_set_trace_tag_v3": tracking_api.SetTraceTagV3,
}
"""Functions that set a tag of a trace; one tag tells the server where it reads the trace's files."""


def install(app: Flask, protected: frozenset[str]) -> None:
    """Check each request after MLflow has authenticated and authorized it.

    Raises:
        RuntimeError: This version of MLflow lacks a function that the guard knows; nothing would guard its successor.
    """
    known = {*CHANGES, *SETTLED, DEMO, *TRACE_TAGS}
    if absent := sorted(known - set(app.view_functions)):
        raise RuntimeError(f"this MLflow has no {', '.join(absent)}: adapt services/tracking/guard.py to its version")

    def check() -> Response | None:
        login = getattr(g, "mlflow_authenticated_user", None)
        if login is None or request.endpoint not in known:
            return None
        try:
            user = auth.store.get_user(login)
            reason = None if user.is_admin else _reason(str(request.endpoint), user, protected)
        except MlflowException as error:
            return refusal(error.message, error.get_http_status_code(), str(error.error_code))
        return refusal(reason) if reason else None

    app.before_request(check)


def refusal(message: str, status: int = HTTPStatus.FORBIDDEN, code: str = "PERMISSION_DENIED") -> Response:
    """Return an answer that MLflow's clients show as an exception with `message`."""
    return Response(json.dumps({"error_code": code, "message": message}), status, mimetype="application/json")


def _reason(endpoint: str, user: Any, protected: frozenset[str]) -> str | None:  # noqa: ANN401 - a class of MLflow
    if endpoint in SETTLED:
        return (
            f"Login {user.username} cannot list or change logins and permissions: they come from the platform's "
            "settings. Next step: change `mlplatform:teams`, then run `mlp up`."
        )
    if endpoint == DEMO:
        return "MLflow's demo is off. Next step: run one of the platform's examples."
    if message := TRACE_TAGS.get(endpoint):
        if handlers._get_request_message(message()).key != MLFLOW_ARTIFACT_LOCATION:
            return None
        return f"The tag {MLFLOW_ARTIFACT_LOCATION} of a trace is the server's own. Next step: use another tag."
    change = _change(CHANGES[endpoint])
    names = touched(change, _before(change), protected)
    workspace = workspace_context.get_request_workspace()
    if not names or _has_role(user.id, workspace, PROMOTER):
        return None
    return (
        f"Login {user.username} cannot change {', '.join(names)} of the registered model {change.model}: the setting "
        f"`mlflow.protected_aliases` names it. Allowed: a login with the role {PROMOTER} in workspace {workspace}. "
        "Next step: set another alias and have the version promoted."
    )


def _change(endpoint: Endpoint) -> Change:
    message = handlers._get_request_message(endpoint.message())
    read = {name: str(getattr(message, name, "")) for name in ("alias", "version", "stage")}
    return Change(operation=endpoint.operation, model=message.name, **read)


def _before(change: Change) -> Registered:
    """Return the model as it is; empty when it does not exist, which MLflow then says itself."""
    if change.operation == "alias":
        return Registered()
    store = handlers._get_model_registry_store()
    try:
        model = store.get_registered_model(change.model)
        found = (
            model.latest_versions
            if change.operation == "model"
            else [store.get_model_version(change.model, change.version)]
        )
    except MlflowException:
        return Registered()
    return Registered(
        aliases={alias: str(version) for alias, version in model.aliases.items()},
        stages={str(version.version): version.current_stage for version in found},
    )


def _has_role(user_id: int, workspace: str | None, role: str) -> bool:
    if workspace is None:
        return False
    return any(held.name == role for held in auth.store.list_user_roles_for_workspace(user_id, workspace))
