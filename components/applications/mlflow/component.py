"""MLflow: tracking server and model registry on Postgres, which proxies artifacts to the object store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.description import Context
from components.applications.mlflow.names import GRANT, NAMESPACE, PORT, TRACKING_URI
from components.applications.mlflow.settings import MLflowSection
from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope, password, restricted_namespace
from components.substrates.contract import SqlDatabase, Substrate

ADMIN = "admin"
CONFIG = "/etc/mlflow"
"""Folder of basic_auth.ini and of the certificates that verify its databases."""

DRIVER = "postgresql+psycopg2"
"""SQLAlchemy driver in the image `mlflow`."""

MIGRATE = Path(__file__).parent / "migrate.py"


@dataclass(frozen=True, kw_only=True)
class MLflowArgs:
    """Arguments of `MLflow`.

    Attributes:
        substrate: Substrate that MLflow runs on.
        replicas: Pods of the server.
        workers: Server processes in each pod, about 250 MiB each.
        resources: Requests and limits of a pod.
        hosts: Host names and addresses under which clients may call the server, in addition to its Service's names;
            with the port where it is not 80 or 443. Requests to any other host are refused with 403.
    """

    substrate: Substrate
    replicas: int
    workers: int
    resources: kube.Resources
    hosts: Sequence[str]


def allowed_hosts(hosts: Sequence[str]) -> str:
    """Return the value of MLFLOW_SERVER_ALLOWED_HOSTS: the Service's names and `hosts`."""
    service = [f"mlflow.{NAMESPACE}{suffix}:{PORT}" for suffix in ("", ".svc", ".svc.cluster.local")]
    return ",".join([*service, *hosts])


def auth_config(database_url: str) -> str:
    """Return basic_auth.ini; the administrator's login comes from the environment.

    A user without a permission on an experiment or model cannot see it. The server caches verified credentials for a
    minute, because hashing a password costs more than most requests.
    """
    # configparser interprets a percent sign as interpolation.
    uri = database_url.replace("%", "%%")
    return "\n".join(
        [
            "[mlflow]",
            "default_permission = NO_PERMISSIONS",
            f"database_uri = {uri}",
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
            "auth_cache_ttl_seconds = 60",
            "",
        ]
    )


class MLflow(pulumi.ComponentResource):
    """The server behind the Service `mlflow`, and the administrator's credentials."""

    username: str
    password: pulumi.Output[str]
    tracking_uri: str

    def __init__(self, name: str, args: MLflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:MLflow", name, None, opts)
        substrate = args.substrate
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        scope = Scope(application="mlflow", namespace=restricted_namespace(NAMESPACE, child), base=child)
        account = scope.service_account("mlflow")
        database, users = substrate.postgres["mlflow"], substrate.postgres["mlflow-auth"]
        access = substrate.object_store.access[GRANT.application]
        self.username, self.tracking_uri = ADMIN, TRACKING_URI
        self.password = password("mlflow-admin", child)
        session_key = password("mlflow-session-key", child)
        environment = scope.secret(
            "mlflow-environment",
            {
                "MLFLOW_BACKEND_STORE_URI": database.url(DRIVER, folder=CONFIG),
                "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
                "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": session_key,
                **access.secret_environment,
            },
        )
        users_url = users.url(DRIVER, folder=CONFIG)
        auth = scope.secret(
            "mlflow-auth",
            {
                "basic_auth.ini": users_url.apply(auth_config),
                "AUTH_DATABASE_URI": users_url,
                **database.files(),
                **users.files(),
            },
        )
        rotation = kube.secrets_digest(
            self.password,
            session_key,
            database.url(DRIVER, folder=CONFIG),
            users_url,
            *access.secret_environment.values(),
            *database.files().values(),
        )
        migration = self._migration(scope, substrate, account, environment, auth, rotation, (database, users))
        container = pods.Container(
            name="mlflow",
            image=substrate.images["mlflow"],
            resources=args.resources,
            command=["mlflow", "server"],
            args=[
                *("--app-name", "basic-auth", "--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - a pod's own
                *("--workers", str(args.workers), "--serve-artifacts", "--artifacts-destination"),
                pulumi.Output.concat("s3://", substrate.object_store.buckets["models"]),
            ],
            env={
                **access.environment,
                **s3_endpoint(substrate),
                "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
                "MLFLOW_AUTH_CONFIG_PATH": f"{CONFIG}/basic_auth.ini",
                "MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(args.hosts),
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            env_from_secrets=[environment.metadata.name],
            ports={"http": PORT},
            probes=pods.Probes(port=PORT, path="/health", start_seconds=240),
            mounts=[
                volumes.Mount(name="auth", path=CONFIG, secret=auth.metadata.name),
                # The server spools uploads here before it sends them to the object store.
                volumes.Mount(name="tmp", path="/tmp", size_limit="4Gi"),  # noqa: S108
            ],
        )
        scope.service(PORT)
        scope.deployment(
            args.replicas,
            pods.pod(container, service_account=account.metadata.name, application="mlflow", annotations=rotation),
            requires=[migration, *access.requires],
        )
        self.register_outputs({"tracking_uri": self.tracking_uri})

    def client_environment(self) -> dict[str, pulumi.Input[str]]:
        """Return the variables with which MLflow's client finds the server and logs in."""
        return {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "MLFLOW_TRACKING_USERNAME": self.username,
            "MLFLOW_TRACKING_PASSWORD": self.password,
        }

    @staticmethod
    def _migration(
        scope: Scope,
        substrate: Substrate,
        account: k8s.core.v1.ServiceAccount,
        environment: k8s.core.v1.Secret,
        auth: k8s.core.v1.Secret,
        rotation: Mapping[str, pulumi.Input[str]],
        databases: Sequence[SqlDatabase],
    ) -> k8s.batch.v1.Job:
        """Declare the Job that migrates both schemas and sets the administrator's password before the server starts."""
        image = substrate.images["mlflow"]
        script = MIGRATE.read_text(encoding="utf-8")
        container = pods.Container(
            name="migrate",
            image=image,
            resources=kube.Resources(cpu="100m", memory="256Mi", cpu_limit="2", memory_limit="1Gi"),
            command=["python", "-c", script],
            env={"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},  # noqa: S108
            env_from_secrets=[environment.metadata.name],
            secret_env={"AUTH_DATABASE_URI": (auth.metadata.name, "AUTH_DATABASE_URI")},
            mounts=[
                volumes.Mount(name="auth", path=CONFIG, secret=auth.metadata.name),
                volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108
            ],
        )
        return scope.job(
            "migrate",
            pods.pod(
                container,
                service_account=account.metadata.name,
                application="mlflow",
                component="migrate",
                annotations=rotation,
                restart_policy="OnFailure",
            ),
            key=[image, script],
            requires=[requirement for database in databases for requirement in database.requires],
        )


def s3_endpoint(substrate: Substrate) -> dict[str, str]:
    """Return MLflow's variable for the S3 endpoint; empty on AWS."""
    endpoint = substrate.object_store.endpoint
    return {"MLFLOW_S3_ENDPOINT_URL": endpoint} if endpoint else {}


def declare(context: Context, settings: MLflowSection) -> MLflow:
    """Declare MLflow from its settings."""
    substrate = context.substrate
    return MLflow(
        "mlflow",
        MLflowArgs(
            substrate=substrate,
            replicas=settings.replicas,
            workers=settings.workers,
            resources=settings.size.resources(),
            hosts=[urlsplit(substrate.gateway.base_url).netloc, *settings.hosts],
        ),
    )
