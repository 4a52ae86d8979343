"""Description of the namespace `models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.applications.description import Application
from components.applications.models.names import NAMESPACE, SERVING_GRANT, WORKLOAD_GRANT
from components.applications.models.settings import ModelsSection

if TYPE_CHECKING:
    from components.applications.description import Context
    from components.applications.models.component import Models


def declare(context: Context, settings: ModelsSection) -> Models:
    """Declare the component."""
    from components.applications.models.component import declare as declared

    return declared(context, settings)


MODELS = Application(
    name="models",
    title="The namespace in which models are served and jobs run",
    namespace=NAMESPACE,
    settings=ModelsSection,
    declare=declare,
    requires=("mlflow", "feast"),
    images=("job",),
    grants=(SERVING_GRANT, WORKLOAD_GRANT),
    user_routes=True,
    credentials={"mlflow": "mlflow-client", "object_store": "object-store"},
)
