"""Names and grants that the description and the component of the namespace share."""

from __future__ import annotations

from components.substrates.requests import Grant

NAMESPACE = "models"
SERVING = "serving"
"""ServiceAccount of predictors."""

WORKLOAD = "workload"
"""ServiceAccount of jobs."""

SERVING_GRANT = Grant(application="serving", namespace=NAMESPACE, service_account=SERVING, read_only=("models",))
WORKLOAD_GRANT = Grant(
    application="workload",
    namespace=NAMESPACE,
    service_account=WORKLOAD,
    read_write=("raw", "features", "pipelines"),
    read_only=("models",),
)
