"""MLflow's app with teams: basic authentication and permissions of MLflow, and what they cannot express.

`mlflow server --app-name mlplatform` finds it by the entry point `mlflow.app` in the image.
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from flask import Flask
from mlflow.server import app as flask_app
from mlflow.server import auth

from services.tracking import downloads, guard, missing, settings
from services.tracking.limits import BodyLimit
from services.tracking.membership import Membership


def create_app(app: Flask = flask_app) -> FastAPI:
    """Return the app, with MLflow's own inside.

    Raises:
        RuntimeError: The server is not uvicorn, or MLflow changed in a way that leaves something unguarded.
    """
    chosen = settings.read(os.environ)
    inner = auth.create_app(app)
    if not isinstance(inner, FastAPI):
        raise RuntimeError("run `mlflow server` with uvicorn, its default: other servers have no such middleware")
    guard.install(app, chosen.protected)
    missing.install(app)
    downloads.install(inner)
    inner.add_middleware(Membership)
    inner.add_middleware(BodyLimit, limit=settings.MAX_BODY)
    return inner
