"""MLflow: tracking server and model registry on Postgres, which proxies artifacts to the object store."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.description import Context
from components.applications.mlflow import logins, names
from components.applications.mlflow.names import GRANT, NAMESPACE, PORT, TRACKING_URI
from components.applications.mlflow.settings import MLflowSection
from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope, password, restricted_namespace
from components.substrates.contract import SqlDatabase, Substrate

ADMIN = "admin"
APP = "mlplatform"
"""MLflow's app with what its permissions cannot express: services/tracking."""

CONFIG = "/etc/mlflow"
"""Folder of basic_auth.ini and of the certificates that verify its databases."""

LOGINS = "/etc/mlflow-logins"
"""Folder of logins.json, which only the Job sees."""

SOURCES = "^(runs:/|models:/|mlflow-artifacts:/[^/]|dummy-source$|prompt-template$)"
"""Addresses from which a version may be registered, as a regular expression: files of this server, or a prompt.

With any other address MLflow would read, with its own rights, what the address names.
"""

WORKSPACES = {"MLFLOW_ENABLE_WORKSPACES": "true"}

DRIVER = "postgresql+psycopg2"
"""SQLAlchemy driver in the image `mlflow`."""


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
        scheme: Scheme with which browsers call it under these hosts.
        teams: Names of the teams; each has a workspace and logins of its own.
        protected_aliases: Aliases and stages that only a team's promoter changes.
    """

    substrate: Substrate
    replicas: int
    workers: int
    resources: kube.Resources
    hosts: Sequence[str]
    scheme: str
    teams: Sequence[str]
    protected_aliases: Sequence[str]


def allowed_hosts(hosts: Sequence[str]) -> str:
    """Return the value of MLFLOW_SERVER_ALLOWED_HOSTS: the Service's names and `hosts`."""
    service = [f"mlflow.{NAMESPACE}{suffix}:{PORT}" for suffix in ("", ".svc", ".svc.cluster.local")]
    return ",".join([*service, *hosts])


def allowed_origins(scheme: str, hosts: Sequence[str]) -> str:
    """Return the value of MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: MLflow's own pages send their origin with each change."""
    return ",".join(f"{scheme}://{host}" for host in hosts)


def webhook_key(password: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return the key that encrypts the secrets of webhooks: 32 bytes in URL-safe base64 (Fernet)."""
    return password.apply(lambda text: base64.urlsafe_b64encode(text.encode()).decode())


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
    """The server behind the Service `mlflow`, with a workspace and logins for every team.

    Attributes:
        tracking_uri: Address of the server inside the cluster.
        prepared: The Job after which the server knows the logins.
    """

    tracking_uri: str
    prepared: k8s.batch.v1.Job

    def __init__(self, name: str, args: MLflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:MLflow", name, None, opts)
        substrate = args.substrate
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        scope = Scope(application="mlflow", namespace=restricted_namespace(NAMESPACE, child), base=child)
        account = scope.service_account("mlflow")
        database, users = substrate.postgres["mlflow"], substrate.postgres["mlflow-auth"]
        access = substrate.object_store.access[GRANT.application]
        self.tracking_uri = TRACKING_URI
        self._logins = logins.declare(args.teams, child)
        admin, session_key = password("mlflow-admin", child), password("mlflow-session-key", child)
        webhooks = webhook_key(password("mlflow-webhook-key", child))
        scope.secret("mlflow-admin", {"username": ADMIN, "password": admin})
        environment = scope.secret(
            "mlflow-environment",
            {
                "MLFLOW_BACKEND_STORE_URI": database.url(DRIVER, folder=CONFIG),
                "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
                "MLFLOW_AUTH_ADMIN_PASSWORD": admin,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": session_key,
                "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": webhooks,
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
        rotated = (
            admin,
            session_key,
            webhooks,
            database.url(DRIVER, folder=CONFIG),
            users_url,
            *access.secret_environment.values(),
            *database.files().values(),
        )
        self.prepared = self._prepare(scope, substrate, account, environment, auth, rotated, (database, users))
        for team in args.teams:
            scope.secret(
                names.promoter_secret(team), self.client_environment(team, names.PROMOTER), requires=[self.prepared]
            )
        container = pods.Container(
            name="mlflow",
            image=substrate.images["mlflow"],
            resources=args.resources,
            command=["mlflow", "server"],
            args=[
                *("--app-name", APP, "--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - a pod's own
                *("--workers", str(args.workers), "--serve-artifacts", "--artifacts-destination"),
                pulumi.Output.concat("s3://", substrate.object_store.buckets["models"]),
            ],
            env={
                **access.environment,
                **s3_endpoint(substrate),
                **WORKSPACES,
                "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
                "MLFLOW_AUTH_CONFIG_PATH": f"{CONFIG}/basic_auth.ini",
                "MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(args.hosts),
                "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": allowed_origins(args.scheme, args.hosts),
                "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": SOURCES,
                "MLPLATFORM_PROTECTED_ALIASES": ",".join(args.protected_aliases),
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            env_from_secrets=[environment.metadata.name],
            ports={"http": PORT},
            probes=pods.Probes(port=PORT, path="/health", start_seconds=240),
            mounts=[
                volumes.Mount(name="auth", path=CONFIG, secret=auth.metadata.name),
                # The server copies a file that a page hands out here first.
                volumes.Mount(name="tmp", path="/tmp", size_limit="4Gi"),  # noqa: S108
            ],
        )
        scope.service(PORT)
        scope.deployment(
            args.replicas,
            pods.pod(
                container,
                service_account=account.metadata.name,
                application="mlflow",
                annotations=kube.secrets_digest(*rotated),
            ),
            requires=[self.prepared, *access.requires],
        )
        self.register_outputs({"tracking_uri": self.tracking_uri})

    def client_environment(self, team: str, identity: str) -> dict[str, pulumi.Input[str]]:
        """Return the variables with which a client uses a team's login, the content of a Secret."""
        return logins.client_environment(self._logins[team, identity])

    def _prepare(
        self,
        scope: Scope,
        substrate: Substrate,
        account: k8s.core.v1.ServiceAccount,
        environment: k8s.core.v1.Secret,
        auth: k8s.core.v1.Secret,
        rotated: Sequence[pulumi.Input[str]],
        databases: Sequence[SqlDatabase],
    ) -> k8s.batch.v1.Job:
        """Declare the Job that migrates both schemas and makes the logins equal to the settings."""
        image = substrate.images["mlflow"]
        wanted = logins.document(list(self._logins.values()))
        listed = scope.secret("mlflow-logins", {"logins.json": wanted})
        container = pods.Container(
            name="prepare",
            image=image,
            resources=kube.Resources(cpu="100m", memory="256Mi", cpu_limit="2", memory_limit="1Gi"),
            command=["python", "-m", "services.tracking"],
            env={
                **WORKSPACES,
                "HOME": "/tmp",  # noqa: S108
                "PYTHONDONTWRITEBYTECODE": "1",
                "MLPLATFORM_LOGINS": f"{LOGINS}/logins.json",
            },
            env_from_secrets=[environment.metadata.name],
            secret_env={"AUTH_DATABASE_URI": (auth.metadata.name, "AUTH_DATABASE_URI")},
            mounts=[
                volumes.Mount(name="auth", path=CONFIG, secret=auth.metadata.name),
                volumes.Mount(name="logins", path=LOGINS, secret=listed.metadata.name),
                volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108
            ],
        )
        return scope.job(
            "prepare",
            pods.pod(
                container,
                service_account=account.metadata.name,
                application="mlflow",
                component="prepare",
                annotations=kube.secrets_digest(*rotated, wanted),
                restart_policy="OnFailure",
            ),
            key=[image, logins.key(self._logins)],
            requires=[requirement for database in databases for requirement in database.requires],
        )


def s3_endpoint(substrate: Substrate) -> dict[str, str]:
    """Return MLflow's variable for the S3 endpoint; empty on AWS."""
    endpoint = substrate.object_store.endpoint
    return {"MLFLOW_S3_ENDPOINT_URL": endpoint} if endpoint else {}


def declare(context: Context, settings: MLflowSection) -> MLflow:
    """Declare MLflow from its settings."""
    substrate = context.substrate
    entrance = urlsplit(substrate.gateway.base_url)
    return MLflow(
        "mlflow",
        MLflowArgs(
            substrate=substrate,
            replicas=settings.replicas,
            workers=settings.workers,
            resources=settings.size.resources(),
            hosts=[entrance.netloc, *settings.hosts],
            scheme=entrance.scheme,
            teams=[space.team.name for space in context.teams],
            protected_aliases=settings.protected_aliases,
        ),
    )
