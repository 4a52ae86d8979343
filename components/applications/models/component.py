"""The namespace `models`, for InferenceServices and jobs, with their identities, configuration and credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.description import Context
from components.applications.feast import component as feast
from components.applications.feast.component import Feast
from components.applications.mlflow.component import MLflow
from components.applications.models.names import NAMESPACE, SERVING, SERVING_GRANT, WORKLOAD, WORKLOAD_GRANT
from components.applications.models.settings import ModelsSection
from components.kubernetes import kube
from components.kubernetes.objects import Scope, restricted_namespace
from components.substrates.contract import ObjectStore, ObjectStoreAccess, Substrate
from components.substrates.requests import BUCKET_PURPOSES, Grant


@dataclass(frozen=True, kw_only=True)
class ModelsArgs:
    """Arguments of `Models`.

    Attributes:
        substrate: Substrate that the namespace is on.
        feast_config: Content of the Secret `feast-config`.
        mlflow_uri: Address of MLflow inside the cluster.
        mlflow_client: Content of the Secret `mlflow-client`: the login of jobs.
        defaults: Requests and limits of containers that set none.
    """

    substrate: Substrate
    feast_config: Mapping[str, pulumi.Input[str]]
    mlflow_uri: str
    mlflow_client: Mapping[str, pulumi.Input[str]]
    defaults: kube.Resources


def kserve_annotations(store: ObjectStore) -> dict[str, str]:
    """Return the annotations that tell KServe's storage initializer where the object store is."""
    annotations = {"serving.kserve.io/s3-region": store.region, "serving.kserve.io/s3-usevirtualbucket": "true"}
    if store.endpoint:
        url = urlsplit(store.endpoint)
        annotations["serving.kserve.io/s3-endpoint"] = url.netloc
        annotations["serving.kserve.io/s3-usehttps"] = "1" if url.scheme == "https" else "0"
    if store.path_style:
        annotations["serving.kserve.io/s3-usevirtualbucket"] = "false"
    return annotations


def settings(substrate: Substrate, mlflow_uri: str) -> dict[str, pulumi.Input[str]]:
    """Return the ConfigMap `platform`: every address and name that a job needs, without secrets."""
    access = substrate.object_store.access[WORKLOAD_GRANT.application]
    buckets = {f"{p.upper()}_BUCKET": substrate.object_store.buckets[p] for p in BUCKET_PURPOSES}
    return {
        "PLATFORM_ENVIRONMENT": substrate.environment,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "FEAST_SERVER_URL": feast.URL,
        "FEAST_PROJECT": feast.PROJECT,
        "FEAST_CONFIG": feast.CONFIG_PATH,
        "GATEWAY_URL": substrate.gateway.base_url,
        "SERVING_NAMESPACE": NAMESPACE,
        **buckets,
        **access.environment,
    }


class Models(pulumi.ComponentResource):
    """Namespace, identities, configuration and credentials of models and jobs."""

    namespace: str

    def __init__(self, name: str, args: ModelsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Models", name, None, opts)
        substrate = args.substrate
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        scope = Scope(application="models", namespace=restricted_namespace(NAMESPACE, child), base=child)
        store = substrate.object_store
        reader = self._keys(scope, "object-store-serving", store, SERVING_GRANT)
        self._keys(scope, "object-store", store, WORKLOAD_GRANT)
        scope.service_account(SERVING, secrets=[reader.metadata.name])
        scope.service_account(WORKLOAD)
        scope.secret("feast-config", args.feast_config, resource="models-feast-config")
        scope.secret("mlflow-client", args.mlflow_client)
        scope.config_map("platform", settings(substrate, args.mlflow_uri))
        container_defaults("models", scope, args.defaults)
        self.namespace = NAMESPACE
        self.register_outputs({"namespace": self.namespace})

    @staticmethod
    def _keys(scope: Scope, name: str, store: ObjectStore, grant: Grant) -> k8s.core.v1.Secret:
        access: ObjectStoreAccess = store.access[grant.application]
        data: Mapping[str, pulumi.Input[str]] = {**access.environment, **access.secret_environment}
        return scope.secret(name, data, resource=f"models-{name}", annotations=kserve_annotations(store))


def container_defaults(resource: str, scope: Scope, defaults: kube.Resources) -> k8s.core.v1.LimitRange:
    """Declare the LimitRange `resource`: requests and limits of containers that set none."""
    return k8s.core.v1.LimitRange(
        resource,
        metadata=scope.metadata("defaults"),
        spec=k8s.core.v1.LimitRangeSpecArgs(
            limits=[
                k8s.core.v1.LimitRangeItemArgs(
                    type="Container",
                    default_request={"cpu": defaults.cpu, "memory": defaults.memory},
                    default={"cpu": defaults.cpu_limit, "memory": defaults.memory_limit},
                )
            ]
        ),
        opts=scope.opts,
    )


def declare(context: Context, settings: ModelsSection) -> Models:
    """Declare the namespace from its settings."""
    tracking, store = context.component(MLflow), context.component(Feast)
    return Models(
        "models",
        ModelsArgs(
            substrate=context.substrate,
            feast_config=store.client_config,
            mlflow_uri=tracking.tracking_uri,
            mlflow_client=tracking.client(context.teams[0].team.name, "jobs"),
            defaults=settings.defaults.resources(),
        ),
    )
