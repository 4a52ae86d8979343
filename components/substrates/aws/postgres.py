"""Postgres on RDS: TLS for everybody, a database and a login for each application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pulumi

from components.kubernetes.objects import Scope, Space, password
from components.substrates import scripts, verifiers
from components.substrates.aws.rds import ADMIN, Engine, RdsServer, RdsServerArgs
from components.substrates.contract import AUTHORITIES_FILE, SqlDatabase
from components.substrates.databases import SCRIPTS as MOUNTED
from components.substrates.databases import Client, databases_job, equip

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
SSL_MODE: Literal["verify-full"] = "verify-full"
UID = 10002
"""User of the image `postgres`."""

SCRIPTS: Sequence[Path] = (scripts.FOLDER / "databases.sh", scripts.FOLDER / "database.sql")


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """Arguments of `Postgres`.

    Attributes:
        server: The server.
        namespace: Namespace of the Job that makes the databases.
        image: Reference of the image `postgres`.
        applications: Applications that get a database.
    """

    server: RdsServerArgs
    namespace: Space
    image: str
    applications: Sequence[str]


def login(application: str) -> str:
    """Return the name of an application's database and login: an SQL identifier that needs no quotes."""
    return application.replace("-", "_")


class Postgres(pulumi.ComponentResource):
    """One server; applications cannot reach one another's databases."""

    databases: Mapping[str, SqlDatabase]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = RdsServer(name, args.server, child)
        passwords = {login(application): password(f"{name}-{application}", child) for application in args.applications}
        client = Client(
            image=args.image,
            uid=UID,
            scripts=SCRIPTS,
            environment={
                "PGHOST": server.host,
                "PGUSER": ADMIN,
                "PGSSLMODE": SSL_MODE,
                "PGSSLROOTCERT": f"{MOUNTED}/{AUTHORITIES_FILE}",
                "PGCONNECT_TIMEOUT": "5",
            },
            password_variable="PGPASSWORD",  # noqa: S106 - a name
            verifier=verifiers.scram,
            files={AUTHORITIES_FILE: args.server.authorities},
        )
        scope = Scope(application=name, namespace=args.namespace, base=child)
        equipment = equip(scope, client, server.admin_password)
        job = databases_job(scope, client, equipment, passwords, [server.instance])
        self.databases = {
            application: SqlDatabase(
                host=server.host,
                port=ENGINE.port,
                name=login(application),
                user=login(application),
                password=passwords[login(application)],
                ssl_mode=SSL_MODE,
                authorities=args.server.authorities,
                requires=[job],
            )
            for application in args.applications
        }
        self.register_outputs({})
