"""Migrates MLflow's two databases to the schema of this image."""

from __future__ import annotations

from typing import Any


def migrate(tracking_uri: str, users_uri: str) -> None:
    """Migrate both databases; safe to repeat.

    It runs in Python, not as `mlflow db upgrade URL`, so that no password is an argument of a process.
    """
    from mlflow.db import commands as tracking
    from mlflow.server.auth.db.cli import commands as users

    tracking(["upgrade", tracking_uri], standalone_mode=False)
    users(["upgrade", "--url", users_uri], standalone_mode=False)


def administrator(users: Any, name: str, password: str) -> None:  # noqa: ANN401 - a class of MLflow
    """Create the administrator, or set the password.

    The server creates the administrator once and does not update the password.
    """
    if not users.has_user(name):
        users.create_user(name, password, is_admin=True)
    elif not users.authenticate_user(name, password):
        users.update_user(name, password=password)
