"""Postgres on one volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.contract import SqlDatabase
from components.substrates.databases import (
    POSTGRES_UID,
    JobInputs,
    databases_job,
    declare_inputs,
    postgres_client,
    postgres_databases,
    postgres_login,
)

PORT = 5432
ADMIN = "postgres"
PASSWORD_SCRIPT = Path(__file__).parent / "scripts" / "password.sh"

SERVER_SETTINGS: Mapping[str, str] = {"max_connections": "100", "shared_buffers": "128MB"}
"""Settings in addition to those of the image's entry point. The applications' pools use at most 60 connections."""


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """Arguments of `Postgres`.

    Attributes:
        namespace: Namespace of the server.
        image: Reference of the image `postgres`.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        resources: Requests and limits of the server.
        applications: Applications that get a database.
    """

    namespace: Namespace
    image: str
    storage_class: str
    size: str
    resources: kube.Resources
    applications: Sequence[str]


class Postgres(pulumi.ComponentResource):
    """One server with a database and a login for each application; a login reaches only its own database."""

    databases: Mapping[str, SqlDatabase]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="postgres", namespace=args.namespace, base=child)
        admin_password = password("postgres-admin", child)
        passwords = {application: password(f"postgres-{application}", child) for application in args.applications}
        service = scope.service(PORT, protocol="tcp")
        client = postgres_client(
            args.image, {"PGHOST": service.metadata.name, "PGUSER": ADMIN}, extra_scripts=[PASSWORD_SCRIPT]
        )
        inputs = declare_inputs(scope, client, admin_password)
        server = scope.stateful_set(
            self._server(args, inputs, kube.secrets_digest(admin_password)),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        logins = {postgres_login(application): value for application, value in passwords.items()}
        job = databases_job(scope, client, inputs, logins, [server])
        self.databases = postgres_databases(
            passwords, host=f"postgres.{args.namespace.name}.svc", port=PORT, authorities=None, requires=[job]
        )
        self.register_outputs({})

    @staticmethod
    def _server(
        args: PostgresArgs,
        inputs: JobInputs,
        annotations: Mapping[str, pulumi.Input[str]],
    ) -> k8s.core.v1.PodTemplateSpecArgs:
        env = {"PGDATA": "/var/lib/postgresql/data", "POSTGRES_PASSWORD_FILE": "/run/secrets/admin/password"}
        mounts = [
            volumes.Mount(name="data", path="/var/lib/postgresql", claim="data"),
            volumes.Mount(name="admin", path="/run/secrets/admin", secret=inputs.admin.metadata.name),
            volumes.Mount(name="scripts", path="/scripts", config_map=inputs.scripts.metadata.name),
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
            service_account=inputs.account.metadata.name,
            application="postgres",
            uid=POSTGRES_UID,
            annotations=annotations,
            grace_seconds=60,
        )
