"""Migrate MLflow's two databases to the schema of this image, and set the administrator's password from its Secret.

Safe to repeat. It runs in Python, not as `mlflow db upgrade URL`, so that no password is an argument of a process.
"""

import os

from mlflow.db import commands as tracking
from mlflow.server.auth.db.cli import commands as users
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

tracking(["upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]], standalone_mode=False)
users(["upgrade", "--url", os.environ["AUTH_DATABASE_URI"]], standalone_mode=False)

# The server creates the administrator once and does not update the password.
store = SqlAlchemyStore()
store.init_db(os.environ["AUTH_DATABASE_URI"])
name, password = os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]
if not store.has_user(name):
    store.create_user(name, password, is_admin=True)
elif not store.authenticate_user(name, password):
    store.update_user(name, password=password)
