"""Description of the namespace `models`."""

from __future__ import annotations

from components.applications.description import Application
from components.applications.models.names import NAMESPACE, SERVING_GRANT, WORKLOAD_GRANT
from components.applications.models.settings import ModelsSection

MODELS = Application(
    name="models",
    title="The namespace in which models are served and jobs run",
    namespace=NAMESPACE,
    settings=ModelsSection,
    requires=("mlflow", "feast"),
    images=("job",),
    grants=(SERVING_GRANT, WORKLOAD_GRANT),
    user_routes=True,
    credentials={"mlflow": "mlflow-client", "object_store": "object-store"},
)
