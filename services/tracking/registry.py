"""Finds the registered versions that consist of a run's or a model's files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered version.

    Attributes:
        model: Name of the registered model.
        version: Its number.
        location: Address of its files.
    """

    model: str
    version: str
    location: str


def versions_of(owner_id: str, workspace: str) -> list[Version]:
    """Return the versions of a workspace whose files belong to a run or logged model, copies of versions included.

    MLflow's search knows the address from which a version was registered; for a copy that is another version.
    """
    # MLflow's modules of the server import this one, by its entry point.
    from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
    from mlflow.server.handlers import _get_model_registry_store
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

    with _get_model_registry_store().ManagedSessionMaker() as session:
        rows = (
            session.query(SqlModelVersion)
            .filter(
                SqlModelVersion.workspace == workspace,
                SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL,
                SqlModelVersion.storage_location.contains(owner_id),
            )
            .all()
        )
        return [Version(model=row.name, version=str(row.version), location=row.storage_location) for row in rows]
