"""Every application of the platform, wired on a substrate. Knows no stack and no substrate by name."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi

from components import envoy, feast, kserve, mlflow, models
from components.feast import Feast, FeastArgs, Materialization
from components.gateway import Gateway, GatewayArgs
from components.kserve import KServe, KServeArgs
from components.kubeflow import access
from components.kubeflow import names as pipelines
from components.kubeflow.pipelines import Pipelines, PipelinesArgs
from components.kubeflow.runs import Clients
from components.mlflow import MLflow, MLflowArgs
from components.models import Models, ModelsArgs
from components.route import Route, RouteArgs
from components.substrate import Substrate
from infra.schema import Settings
from upstream import rendered

UPLOAD_SECONDS = 600
"""Time that one request through MLflow's proxy may take: an artifact part, or a slow model upload."""

FEAST_PATHS = ("/get-online-features", "/health")
"""What the Gateway lets through to the feature server: it has no login, and its other paths write."""


@dataclass(frozen=True, kw_only=True)
class Urls:
    """URLs of the applications, as users see them."""

    gateway: str
    mlflow: str
    feast: str
    serving: str
    pipelines: str


def urls(base: str) -> Urls:
    """Return the applications' URLs below the Gateway's."""
    return Urls(
        gateway=base,
        mlflow=f"{base}/mlflow",
        feast=f"{base}/feast",
        serving=f"{base}/serving",
        pipelines=f"{base}{access.PREFIX}",
    )


def applications(settings: Settings, substrate: Substrate) -> None:
    """Declare every application."""
    gateway = _gateway(settings, substrate)
    tracking, store = _data_and_models(settings, substrate)
    _routes(substrate, gateway, tracking, store)
    KServe(
        "kserve",
        KServeArgs(
            substrate=substrate,
            controller=rendered("kserve"),
            requires=[gateway.crds],
            predictor=settings.serving.size.resources(),
        ),
    )
    _pipelines(settings, substrate, gateway, tracking, store)


def _pipelines(settings: Settings, substrate: Substrate, gateway: Gateway, tracking: MLflow, store: Feast) -> None:
    plan = settings.pipelines
    Pipelines(
        "pipelines",
        PipelinesArgs(
            substrate=substrate,
            argo=rendered("argo"),
            upstream=rendered("pipelines"),
            clients=Clients(
                feast_config=store.client_config,
                mlflow_uri=tracking.tracking_uri,
                mlflow_username=tracking.username,
                mlflow_password=tracking.password,
            ),
            policy=plan.runs.policy(),
            replicas=plan.replicas,
            server=plan.size.resources(),
            controller=plan.controller.resources(),
            gateway_crds=gateway.crds,
        ),
    )


def _gateway(settings: Settings, substrate: Substrate) -> Gateway:
    return Gateway(
        "gateway",
        GatewayArgs(
            substrate=substrate,
            gateway_api=rendered("gateway-api"),
            controller=rendered("envoy-gateway"),
            route_namespaces=[mlflow.NAMESPACE, feast.NAMESPACE, models.NAMESPACE, pipelines.NAMESPACE],
            proxy=envoy.Proxy(replicas=settings.gateway.replicas, resources=settings.gateway.size.resources()),
        ),
    )


def _data_and_models(settings: Settings, substrate: Substrate) -> tuple[MLflow, Feast]:
    tracking = MLflow(
        "mlflow",
        MLflowArgs(
            substrate=substrate,
            replicas=settings.mlflow.replicas,
            workers=settings.mlflow.workers,
            resources=settings.mlflow.size.resources(),
            hosts=[urlsplit(substrate.gateway.base_url).netloc, *settings.mlflow.hosts],
        ),
    )
    plan = settings.feast.materialization
    store = Feast(
        "feast",
        FeastArgs(
            substrate=substrate,
            replicas=settings.feast.replicas,
            workers=settings.feast.workers,
            registry_refresh_seconds=settings.feast.registry_refresh_seconds,
            resources=settings.feast.size.resources(),
            materialization=Materialization(schedule=plan.schedule, until=plan.until, resources=plan.size.resources()),
        ),
    )
    Models(
        "models",
        ModelsArgs(
            substrate=substrate,
            feast_config=store.client_config,
            mlflow_uri=tracking.tracking_uri,
            mlflow_username=tracking.username,
            mlflow_password=tracking.password,
            defaults=settings.models.defaults.resources(),
        ),
    )
    return tracking, store


def _routes(substrate: Substrate, gateway: Gateway, tracking: MLflow, store: Feast) -> None:
    def after(application: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=substrate.kubernetes, depends_on=[gateway.crds, application])

    Route(
        "mlflow",
        RouteArgs(
            namespace=mlflow.NAMESPACE,
            prefix="/mlflow",
            service="mlflow",
            port=mlflow.PORT,
            timeout_seconds=UPLOAD_SECONDS,
        ),
        after(tracking),
    )
    for path in FEAST_PATHS:
        Route(
            f"feast{path.replace('/', '-')}",
            RouteArgs(
                namespace=feast.NAMESPACE, prefix=f"/feast{path}", service="feast", port=feast.PORT, rewrite=path
            ),
            after(store),
        )


NAMESPACES = {
    "mlflow": mlflow.NAMESPACE,
    "feast": feast.NAMESPACE,
    "kserve": kserve.NAMESPACE,
    "gateway": envoy.NAMESPACE,
    "models": models.NAMESPACE,
    "pipelines": pipelines.NAMESPACE,
}
