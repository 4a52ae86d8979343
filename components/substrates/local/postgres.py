"""Postgres on one volume, with a database and a login for each application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope, Space, password
from components.substrates import scripts, verifiers
from components.substrates.contract import SqlDatabase
from components.substrates.databases import Client, Equipment, databases_job, equip

PORT = 5432
UID = 10002
"""User of the image `postgres`."""

ADMIN = "postgres"
SCRIPTS: Sequence[Path] = (
    scripts.FOLDER / "databases.sh",
    scripts.FOLDER / "database.sql",
    Path(__file__).parent / "scripts" / "password.sh",
)

SERVER_SETTINGS: Mapping[str, str] = {"max_connections": "100", "shared_buffers": "128MB"}
"""Beside those of the image's entry point. The applications' pools together stay below 60 connections."""


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """Arguments of `Postgres`.

    Attributes:
        namespace: Namespace to run in.
        image: Reference of the image `postgres`.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        resources: Requests and limits of the server.
        applications: Applications that get a database.
    """

    namespace: Space
    image: str
    storage_class: str
    size: str
    resources: kube.Resources
    applications: Sequence[str]


def login(application: str) -> str:
    """Return the name of an application's database and login: an SQL identifier that needs no quotes."""
    return application.replace("-", "_")


class Postgres(pulumi.ComponentResource):
    """One server; applications cannot reach one another's databases."""

    databases: Mapping[str, SqlDatabase]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="postgres", namespace=args.namespace, base=child)
        admin_password = password("postgres-admin", child)
        passwords = {application: password(f"postgres-{application}", child) for application in args.applications}
        service = scope.service(PORT, protocol="tcp")
        client = Client(
            image=args.image,
            uid=UID,
            scripts=SCRIPTS,
            environment={"PGHOST": service.metadata.name, "PGUSER": ADMIN, "PGCONNECT_TIMEOUT": "5"},
            password_variable="PGPASSWORD",  # noqa: S106 - a name
            verifier=verifiers.scram,
        )
        equipment = equip(scope, client, admin_password)
        server = scope.stateful_set(
            self._server(args, equipment, kube.secrets_digest(admin_password)),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        logins = {login(application): value for application, value in passwords.items()}
        databases = databases_job(scope, client, equipment, logins, [server])
        self.databases = {
            application: SqlDatabase(
                host=f"postgres.{args.namespace.name}.svc",
                port=PORT,
                name=login(application),
                user=login(application),
                password=value,
                ssl_mode="disable",
                requires=[databases],
            )
            for application, value in passwords.items()
        }
        self.register_outputs({})

    @staticmethod
    def _server(
        args: PostgresArgs,
        equipment: Equipment,
        annotations: Mapping[str, pulumi.Input[str]],
    ) -> k8s.core.v1.PodTemplateSpecArgs:
        env = {"PGDATA": "/var/lib/postgresql/data", "POSTGRES_PASSWORD_FILE": "/run/secrets/admin/password"}
        mounts = [
            volumes.Mount(name="data", path="/var/lib/postgresql", claim="data"),
            volumes.Mount(name="admin", path="/run/secrets/admin", secret=equipment.admin.metadata.name),
            volumes.Mount(name="scripts", path="/scripts", config_map=equipment.scripts.metadata.name),
            volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
        ]
        server = pods.Container(
            name="postgres",
            image=args.image,
            resources=args.resources,
            args=[part for name, value in SERVER_SETTINGS.items() for part in ("-c", f"{name}={value}")],
            env=env,
            ports={"tcp": PORT},
            probes=pods.Probes(
                port=PORT, command=["pg_isready", "--quiet", "--host", "127.0.0.1", "--username", ADMIN]
            ),
            mounts=mounts,
        )
        before = pods.Container(
            name="password",
            image=args.image,
            resources=args.resources,
            command=["/bin/sh", "/scripts/password.sh"],
            env=env,
            mounts=mounts,
        )
        return pods.pod(
            server,
            before=before,
            service_account=equipment.account.metadata.name,
            application="postgres",
            uid=UID,
            annotations=annotations,
            grace_seconds=60,
        )
