"""MariaDB on one volume, for applications that support only MySQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.contract import MysqlDatabase
from components.substrates.databases import (
    MYSQL_UID,
    JobInputs,
    databases_job,
    declare_inputs,
    mysql_client,
    mysql_databases,
)

PORT = 3306
ADMIN = "root"

SERVER_SETTINGS: Mapping[str, str] = {
    "innodb-buffer-pool-size": "96M",
    "max-connections": "200",
    # A killed client (lost node, cut network) must not hold its locks for the default of eight hours.
    "wait-timeout": "600",
}


@dataclass(frozen=True, kw_only=True)
class MysqlArgs:
    """Arguments of `Mysql`.

    Attributes:
        namespace: Namespace of the server.
        image: Reference of the image `mariadb`.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        resources: Requests and limits of the server.
        databases: Name of the database and of its login, by application.
    """

    namespace: Namespace
    image: str
    storage_class: str
    size: str
    resources: kube.Resources
    databases: Mapping[str, str]


class Mysql(pulumi.ComponentResource):
    """One server with a database and a login for each application; a login reaches only its own database."""

    databases: Mapping[str, MysqlDatabase]

    def __init__(self, name: str, args: MysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Mysql", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="mysql", namespace=args.namespace, base=child)
        admin_password = password("mysql-admin", child)
        passwords = {application: password(f"mysql-{application}", child) for application in args.databases}
        host = f"mysql.{args.namespace.name}.svc"
        client = mysql_client(args.image, {"MYSQL_HOST": host, "MYSQL_USER": ADMIN})
        inputs = declare_inputs(scope, client, admin_password)
        scope.service(PORT, protocol="tcp")
        server = scope.stateful_set(
            self._server(args, inputs, kube.secrets_digest(admin_password)),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        logins = {args.databases[application]: value for application, value in passwords.items()}
        job = databases_job(scope, client, inputs, logins, [server])
        self.databases = mysql_databases(args.databases, logins, host=host, port=PORT, authorities=None, requires=[job])
        self.register_outputs({})

    @staticmethod
    def _server(
        args: MysqlArgs,
        inputs: JobInputs,
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
                # A TCP connect succeeds before logins work, and counts as a failed connection of the client's host.
                probes=pods.Probes(port=PORT, command=["/bin/sh", "-c", ask]),
                mounts=[
                    volumes.Mount(name="data", path="/var/lib/mysql", claim="data"),
                    volumes.Mount(name="admin", path="/run/secrets/admin", secret=inputs.admin.metadata.name),
                    volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
                ],
            ),
            service_account=inputs.account.metadata.name,
            application="mysql",
            uid=MYSQL_UID,
            annotations=annotations,
            grace_seconds=60,
        )
