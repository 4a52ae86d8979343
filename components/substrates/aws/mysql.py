"""MySQL on RDS for applications that support no other database, over TLS only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.aws.rds import ADMIN, Engine, RdsServer, RdsServerArgs
from components.substrates.contract import AUTHORITIES_FILE, MysqlDatabase
from components.substrates.databases import SCRIPTS, databases_job, declare_inputs, mysql_client, mysql_databases

ENGINE = Engine(
    name="mysql",
    port=3306,
    logs=["error", "slowquery"],
    parameters={
        "require_secure_transport": "1",
        "slow_query_log": "1",
        "log_output": "FILE",
        "long_query_time": "1",
        # Migrations of Pipelines create triggers and functions while the binary log is on.
        "log_bin_trust_function_creators": "1",
    },
)


@dataclass(frozen=True, kw_only=True)
class MysqlArgs:
    """Arguments of `Mysql`.

    Attributes:
        server: Arguments of the RDS server.
        namespace: Namespace of the Job that creates the databases.
        image: Reference of the image `mariadb`, which has the client.
        databases: Name of the database and of its login, by application.
    """

    server: RdsServerArgs
    namespace: Namespace
    image: str
    databases: Mapping[str, str]


class Mysql(pulumi.ComponentResource):
    """One server with a database and a login for each application; a login reaches only its own database."""

    databases: Mapping[str, MysqlDatabase]

    def __init__(self, name: str, args: MysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Mysql", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = RdsServer(name, args.server, child)
        passwords = {login: password(f"{name}-{login}", child) for login in sorted(args.databases.values())}
        authorities = args.server.authorities
        client = mysql_client(
            args.image,
            {
                "MYSQL_HOST": server.host,
                "MYSQL_USER": ADMIN,
                "MYSQL_AUTHORITIES": f"{SCRIPTS}/{AUTHORITIES_FILE}",
            },
            files={AUTHORITIES_FILE: authorities},
        )
        scope = Scope(application=name, namespace=args.namespace, base=child)
        inputs = declare_inputs(scope, client, server.admin_password)
        job = databases_job(scope, client, inputs, passwords, [server.instance])
        self.databases = mysql_databases(
            args.databases, passwords, host=server.host, port=ENGINE.port, authorities=authorities, requires=[job]
        )
        self.register_outputs({})
