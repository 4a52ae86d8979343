"""The API server of Pipelines: configuration file, environment and pod."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.pipelines import names
from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope
from components.kubernetes.transformations import Object
from components.substrates.contract import MysqlDatabase, ObjectStore, Substrate

CONFIG_PATH = "/config"

AUTHORITIES = {"SSL_CERT_DIR": CONFIG_PATH}
"""Variable that makes Go trust the certificates in a folder in addition to those of the image."""


def object_store_config(store: ObjectStore, bucket: str) -> Object:
    """Return the section `ObjectStoreConfig`; access keys come from the environment."""
    url = urlsplit(store.endpoint or f"https://s3.{store.region}.amazonaws.com")
    return {
        "Host": url.hostname,
        "Port": str(url.port or ""),
        "Region": store.region,
        "Secure": url.scheme == "https",
        "BucketName": bucket,
        "PipelinePath": "pipelines",
    }


def driver_parameters(database: MysqlDatabase) -> dict[str, str]:
    """Return the variable with the parameters of the Go driver: TLS, and timeouts for a server that vanished.

    As a section of the file they would not work: the server changes the keys of the file to lower case, and the driver
    takes `readtimeout` for a variable of the server. `readTimeout` leaves time for a migration of large tables.
    """
    # `true` verifies the server with the authorities that Go trusts; AUTHORITIES adds to them.
    tls = {"tls": "true"} if database.authorities is not None else {}
    timeouts = {"timeout": "5s", "readTimeout": "60s", "writeTimeout": "10s"}
    return {"DBCONFIG_MYSQLCONFIG_EXTRAPARAMS": json.dumps({**tls, **timeouts})}


def database_config(database: MysqlDatabase, host: str) -> Object:
    """Return the section `DBConfig` without the password and the driver's parameters."""
    mysql = {
        "User": database.user,
        "Host": host,
        "Port": str(database.port),
        "DBName": database.name,
        "GroupConcatMaxLen": "4194304",
    }
    # Short, so that the server drops connections to a replaced database soon.
    return {"MySQLConfig": mysql, "ConMaxLifeTime": "60s"}


def configuration(substrate: Substrate, bucket: str, host: str) -> str:
    """Return config.json."""
    volume = {"accessModes": ["ReadWriteOnce"], "storageClassName": substrate.storage_classes.rwo}
    config = {
        "DBConfig": database_config(substrate.mysql["pipelines"], host),
        "DBDriverName": "mysql",
        "ObjectStoreConfig": object_store_config(substrate.object_store, bucket),
        "InitConnectionTimeout": "2m",
        "DEFAULTPIPELINERUNNERSERVICEACCOUNT": names.RUNNER,
        "CacheEnabled": "true",
        "CRON_SCHEDULE_TIMEZONE": "UTC",
        "Workspace": {"VolumeClaimTemplateSpec": volume},
        # With the defaults of 5 and 10, the client throttles itself during a burst of submissions.
        "ClientQPS": "50",
        "ClientBurst": "100",
    }
    return json.dumps(config, indent=1, sort_keys=True)


def environment(images: Mapping[str, str], access: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """Return the environment variables that are not secret."""
    return {
        **access,
        "POD_NAMESPACE": names.NAMESPACE,
        "V2_DRIVER_IMAGE": images["pipelines-driver"],
        "V2_LAUNCHER_IMAGE": images["pipelines-launcher"],
        # Stores the output of a successful step as an artifact, which outlives the pod. A failed step records its
        # reason in MLflow.
        "PUBLISH_LOGS": "true",
        "PIPELINE_LOG_LEVEL": "1",
        # The server does not start without an address of the visualization server, which no longer exists.
        "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST": "127.0.0.1",
        "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT": "1",
    }


def credentials(substrate: Substrate) -> dict[str, pulumi.Output[str]]:
    """Return the secret environment variables.

    An empty key selects workload identity; without the variable, upstream's default would apply.
    """
    keys = substrate.object_store.access[names.API_SERVER_GRANT.application].secret_environment
    none = pulumi.Output.from_input("")
    return {
        "DBCONFIG_MYSQLCONFIG_PASSWORD": substrate.mysql["pipelines"].password,
        "OBJECTSTORECONFIG_ACCESSKEY": keys.get("AWS_ACCESS_KEY_ID", none),
        "OBJECTSTORECONFIG_SECRETACCESSKEY": keys.get("AWS_SECRET_ACCESS_KEY", none),
    }


def declare(
    scope: Scope, substrate: Substrate, replicas: int, resources: kube.Resources, requires: Sequence[pulumi.Resource]
) -> k8s.apps.v1.Deployment:
    """Declare the server with its Service, ServiceAccount and configuration."""
    account = scope.service_account(names.API_SERVER)
    access = substrate.object_store.access[names.API_SERVER_GRANT.application]
    database = substrate.mysql["pipelines"]
    text = pulumi.Output.all(
        bucket=substrate.object_store.buckets["pipelines"], host=pulumi.Output.from_input(database.host)
    ).apply(lambda known: configuration(substrate, known["bucket"], known["host"]))
    files = database.files()
    mounted = scope.config_map("ml-pipeline-config", {"config.json": text, **files})
    secret = scope.secret("ml-pipeline-environment", credentials(substrate))
    container = pods.Container(
        name="ml-pipeline-api-server",
        image=substrate.images["pipelines-api"],
        resources=resources,
        command=["/bin/apiserver"],
        args=[f"--config={CONFIG_PATH}", "-logtostderr=true", "--logLevel=info"],
        env={
            **environment(substrate.images, access.environment),
            **driver_parameters(database),
            **(AUTHORITIES if files else {}),
        },
        env_from_secrets=[secret.metadata.name],
        ports={"http": names.HTTP_PORT, "grpc": names.GRPC_PORT},
        probes=pods.Probes(port=names.HTTP_PORT, path="/apis/v2beta1/healthz", start_seconds=180),
        mounts=[
            volumes.Mount(name="config", path=CONFIG_PATH, config_map=mounted.metadata.name),
            volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
        ],
    )
    _service(scope)
    return scope.deployment(
        replicas,
        pods.pod(
            container,
            service_account=account.metadata.name,
            application=names.API_SERVER,
            annotations={
                "mlplatform/config": text.apply(lambda content: kube.digest("".join([content, *files.values()]))),
                **kube.secrets_digest(*credentials(substrate).values()),
            },
            kubernetes_token=True,
        ),
        requires=[*requires, *access.requires, *database.requires],
    )


def _service(scope: Scope) -> None:
    """Declare the Service; drivers use gRPC, all other clients HTTP."""
    ports = {"http": names.HTTP_PORT, "grpc": names.GRPC_PORT}
    k8s.core.v1.Service(
        names.API_SERVER,
        metadata=scope.metadata(names.API_SERVER, annotations={"pulumi.com/skipAwait": "true"}),
        spec=k8s.core.v1.ServiceSpecArgs(
            type="ClusterIP",
            selector=kube.labels(names.API_SERVER),
            ports=[k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=port) for name, port in ports.items()],
        ),
        opts=scope.opts,
    )
