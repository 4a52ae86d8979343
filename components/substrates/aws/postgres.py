"""Postgres on RDS, over TLS only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.aws.rds import ADMIN, Engine, RdsServer, RdsServerArgs
from components.substrates.contract import AUTHORITIES_FILE, SqlDatabase
from components.substrates.databases import (
    SCRIPTS,
    databases_job,
    declare_inputs,
    postgres_client,
    postgres_databases,
    postgres_login,
)

ENGINE = Engine(
    name="postgres",
    port=5432,
    logs=["postgresql", "upgrade"],
    parameters={
        "rds.force_ssl": "1",
        "log_connections": "1",
        "log_disconnections": "1",
        "log_min_duration_statement": "1000",
    },
)


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """Arguments of `Postgres`.

    Attributes:
        server: Arguments of the RDS server.
        namespace: Namespace of the Job that creates the databases.
        image: Reference of the image `postgres`, which has the client.
        applications: Applications that get a database.
    """

    server: RdsServerArgs
    namespace: Namespace
    image: str
    applications: Sequence[str]


class Postgres(pulumi.ComponentResource):
    """One server with a database and a login for each application; a login reaches only its own database."""

    databases: Mapping[str, SqlDatabase]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = RdsServer(name, args.server, child)
        passwords = {application: password(f"{name}-{application}", child) for application in args.applications}
        authorities = args.server.authorities
        client = postgres_client(
            args.image,
            {
                "PGHOST": server.host,
                "PGUSER": ADMIN,
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": f"{SCRIPTS}/{AUTHORITIES_FILE}",
            },
            files={AUTHORITIES_FILE: authorities},
        )
        scope = Scope(application=name, namespace=args.namespace, base=child)
        inputs = declare_inputs(scope, client, server.admin_password)
        logins = {postgres_login(application): value for application, value in passwords.items()}
        job = databases_job(scope, client, inputs, logins, [server.instance])
        self.databases = postgres_databases(
            passwords, host=server.host, port=ENGINE.port, authorities=authorities, requires=[job]
        )
        self.register_outputs({})
