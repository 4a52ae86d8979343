"""List of all applications, in the order in which they are declared. Add one line for a new application."""

from __future__ import annotations

from components.applications.description import AnyApplication
from components.applications.feast.description import FEAST
from components.applications.gateway.description import GATEWAY
from components.applications.kserve.description import KSERVE
from components.applications.mlflow.description import MLFLOW
from components.applications.pipelines.description import PIPELINES

APPLICATIONS: tuple[AnyApplication, ...] = (
    GATEWAY,
    MLFLOW,
    FEAST,
    KSERVE,
    PIPELINES,
)
