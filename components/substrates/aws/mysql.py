"""MySQL on RDS for what knows nothing else: TLS for everybody, a database and a login for each application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import Scope, Space, password
from components.substrates import scripts, verifiers
from components.substrates.aws.rds import ADMIN, Engine, RdsServer, RdsServerArgs
from components.substrates.contract import AUTHORITIES_FILE, MysqlDatabase
from components.substrates.databases import SCRIPTS as MOUNTED
from components.substrates.databases import Client, databases_job, equip

ENGINE = Engine(
    name="mysql",
    port=3306,
    logs=["error", "slowquery"],
    parameters={
        "require_secure_transport": "1",
        "slow_query_log": "1",
        "log_output": "FILE",
        "long_query_time": "1",
        # Migrations of Pipelines make triggers and functions while the binary log is on.
        "log_bin_trust_function_creators": "1",
    },
)
UID = 10004
"""User of the image `mariadb`."""

SCRIPT = scripts.FOLDER / "mysql.sh"


@dataclass(frozen=True, kw_only=True)
class MysqlArgs:
    """Arguments of `Mysql`.

    Attributes:
        server: The server.
        namespace: Namespace of the Job that makes the databases.
        image: Reference of the image `mariadb`.
        databases: Name of the database, and of its login, by application.
    """

    server: RdsServerArgs
    namespace: Space
    image: str
    databases: Mapping[str, str]


class Mysql(pulumi.ComponentResource):
    """One server; applications cannot reach one another's databases."""

    databases: Mapping[str, MysqlDatabase]

    def __init__(self, name: str, args: MysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Mysql", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = RdsServer(name, args.server, child)
        passwords = {login: password(f"{name}-{login}", child) for login in sorted(args.databases.values())}
        client = Client(
            image=args.image,
            uid=UID,
            scripts=[SCRIPT],
            environment={
                "MYSQL_HOST": server.host,
                "MYSQL_USER": ADMIN,
                "MYSQL_AUTHORITIES": f"{MOUNTED}/{AUTHORITIES_FILE}",
            },
            password_variable="MYSQL_PWD",  # noqa: S106 - a name
            verifier=verifiers.mysql_native,
            files={AUTHORITIES_FILE: args.server.authorities},
        )
        scope = Scope(application=name, namespace=args.namespace, base=child)
        equipment = equip(scope, client, server.admin_password)
        job = databases_job(scope, client, equipment, passwords, [server.instance])
        self.databases = {
            application: MysqlDatabase(
                host=server.host,
                port=ENGINE.port,
                name=database,
                user=database,
                password=passwords[database],
                authorities=args.server.authorities,
                requires=[job],
            )
            for application, database in args.databases.items()
        }
        self.register_outputs({})
