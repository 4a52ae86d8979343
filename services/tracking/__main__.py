"""Entry point `python -m services.tracking`: prepares MLflow's databases before the server uses them.

Migrates both, sets the administrator's password, and makes workspaces, roles and logins equal to the settings. Safe to
repeat.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from services.tracking import logins, settings

ARTIFACTS = "mlflow-artifacts:/"
"""Address of files for clients, the default of `mlflow server --serve-artifacts`."""


def main() -> None:
    """Prepare the databases.

    Raises:
        SystemExit: The list of logins is wrong.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        wanted = logins.parse(Path(os.environ[settings.LOGINS]).read_text())
    except logins.LoginsError as error:
        raise SystemExit(f"{settings.LOGINS}: {error}") from None

    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore as Users
    from mlflow.store.tracking.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore as Tracking
    from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore as Workspaces

    from services.tracking.migrate import administrator, migrate
    from services.tracking.provision import Stores, provision

    tracking_uri, users_uri = os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["AUTH_DATABASE_URI"]
    migrate(tracking_uri, users_uri)
    users = Users()
    users.init_db(users_uri)
    administrator(users, os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"])
    stores = Stores(users=users, workspaces=Workspaces(tracking_uri), tracking=Tracking(tracking_uri, ARTIFACTS))
    provision(stores, wanted)


if __name__ == "__main__":
    main()
