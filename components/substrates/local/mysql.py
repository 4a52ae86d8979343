"""MariaDB on one volume, with a database and a login for each application that knows only MySQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope, Space, password
from components.substrates import scripts, verifiers
from components.substrates.contract import MysqlDatabase
from components.substrates.databases import Client, Equipment, databases_job, equip

PORT = 3306
UID = 10004
"""User of the image `mariadb`."""

ADMIN = "root"
SCRIPT = scripts.FOLDER / "mysql.sh"

SERVER_SETTINGS: Mapping[str, str] = {
    "innodb-buffer-pool-size": "96M",
    "max-connections": "200",
    # A client that was killed (a node gone, a network cut) must not hold its locks for the default eight hours.
    "wait-timeout": "600",
}


@dataclass(frozen=True, kw_only=True)
class MysqlArgs:
    """Arguments of `Mysql`.

    Attributes:
        namespace: Namespace to run in.
        image: Reference of the image `mariadb`.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        resources: Requests and limits of the server.
        databases: Name of the database, and of its login, by application.
    """

    namespace: Space
    image: str
    storage_class: str
    size: str
    resources: kube.Resources
    databases: Mapping[str, str]


class Mysql(pulumi.ComponentResource):
    """One server; applications cannot reach one another's databases."""

    databases: Mapping[str, MysqlDatabase]

    def __init__(self, name: str, args: MysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Mysql", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="mysql", namespace=args.namespace, base=child)
        admin_password = password("mysql-admin", child)
        passwords = {application: password(f"mysql-{application}", child) for application in args.databases}
        host = f"mysql.{args.namespace.name}.svc"
        client = Client(
            image=args.image,
            uid=UID,
            scripts=[SCRIPT],
            environment={"MYSQL_HOST": host, "MYSQL_USER": ADMIN},
            password_variable="MYSQL_PWD",  # noqa: S106 - a name
            verifier=verifiers.mysql_native,
        )
        equipment = equip(scope, client, admin_password)
        scope.service(PORT, protocol="tcp")
        server = scope.stateful_set(
            self._server(args, equipment, kube.secrets_digest(admin_password)),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        logins = {args.databases[application]: value for application, value in passwords.items()}
        databases = databases_job(scope, client, equipment, logins, [server])
        self.databases = {
            application: MysqlDatabase(
                host=host,
                port=PORT,
                name=database,
                user=database,
                password=passwords[application],
                authorities=None,
                requires=[databases],
            )
            for application, database in args.databases.items()
        }
        self.register_outputs({})

    @staticmethod
    def _server(
        args: MysqlArgs,
        equipment: Equipment,
        annotations: Mapping[str, pulumi.Input[str]],
    ) -> k8s.core.v1.PodTemplateSpecArgs:
        ask = "MYSQL_PWD=$(cat /run/secrets/admin/password) mariadb --no-defaults -h127.0.0.1 -uroot -e 'SELECT 1'"
        return pods.pod(
            pods.Container(
                name="mysql",
                image=args.image,
                resources=args.resources,
                args=[f"--{name}={value}" for name, value in SERVER_SETTINGS.items()],
                env={"MARIADB_ROOT_PASSWORD_FILE": "/run/secrets/admin/password"},
                ports={"tcp": PORT},
                # A TCP connect succeeds before anybody may log in, and counts against the client's address.
                probes=pods.Probes(port=PORT, command=["/bin/sh", "-c", ask]),
                mounts=[
                    volumes.Mount(name="data", path="/var/lib/mysql", claim="data"),
                    volumes.Mount(name="admin", path="/run/secrets/admin", secret=equipment.admin.metadata.name),
                    volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
                ],
            ),
            service_account=equipment.account.metadata.name,
            application="mysql",
            uid=UID,
            annotations=annotations,
            grace_seconds=60,
        )
