"""The Job that creates a database and a login for each application on a database server, in the cluster or on RDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope
from components.substrates import scripts, verifiers
from components.substrates.contract import MysqlDatabase, SqlDatabase

POSTGRES_UID = 10002
"""User of the image `postgres`."""

MYSQL_UID = 10004
"""User of the image `mariadb`."""

POSTGRES_SCRIPTS = (scripts.FOLDER / "databases.sh", scripts.FOLDER / "database.sql")
MYSQL_SCRIPT = scripts.FOLDER / "mysql.sh"

RESOURCES = kube.Resources(cpu="20m", memory="32Mi", cpu_limit="1", memory_limit="128Mi")

SCRIPTS = "/scripts"
"""Folder in which the Job finds its scripts and files."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """Image, scripts and credentials with which the Job connects to a server.

    Attributes:
        image: Reference of an image with the client.
        uid: User of that image.
        scripts: Scripts of the Job; the first is the entry point.
        environment: Variables with the server's address and the administrator's name.
        password_variable: Variable with the administrator's password.
        verifier: Function of login and password; returns the verifier that the scripts take instead of the password.
        files: Further files next to the scripts, by name: certificates.
    """

    image: str
    uid: int
    scripts: Sequence[Path]
    environment: Mapping[str, pulumi.Input[str]]
    password_variable: str
    verifier: Callable[[str, str], str]
    files: Mapping[str, str] = field(default_factory=dict)


def postgres_client(
    image: str,
    environment: Mapping[str, pulumi.Input[str]],
    *,
    extra_scripts: Sequence[Path] = (),
    files: Mapping[str, str] | None = None,
) -> Client:
    """Return the client of a Postgres server.

    Args:
        image: Reference of the image `postgres`.
        environment: Variables with the server's address and the administrator's name.
        extra_scripts: Scripts in addition to those of the Job.
        files: Certificates, by file name.
    """
    return Client(
        image=image,
        uid=POSTGRES_UID,
        scripts=[*POSTGRES_SCRIPTS, *extra_scripts],
        environment={**environment, "PGCONNECT_TIMEOUT": "5"},
        password_variable="PGPASSWORD",  # noqa: S106 - a name
        verifier=verifiers.scram,
        files=files or {},
    )


def mysql_client(
    image: str, environment: Mapping[str, pulumi.Input[str]], *, files: Mapping[str, str] | None = None
) -> Client:
    """Return the client of a MySQL server.

    Args:
        image: Reference of the image `mariadb`.
        environment: Variables with the server's address and the administrator's name.
        files: Certificates, by file name.
    """
    return Client(
        image=image,
        uid=MYSQL_UID,
        scripts=[MYSQL_SCRIPT],
        environment=environment,
        password_variable="MYSQL_PWD",  # noqa: S106 - a name
        verifier=verifiers.mysql_native,
        files=files or {},
    )


def postgres_login(application: str) -> str:
    """Return the name of an application's database and login: an SQL identifier that needs no quotes."""
    return application.replace("-", "_")


def postgres_databases(
    passwords: Mapping[str, pulumi.Output[str]],
    *,
    host: pulumi.Input[str],
    port: int,
    authorities: str | None,
    requires: Sequence[pulumi.Resource],
) -> dict[str, SqlDatabase]:
    """Return the databases of a Postgres server, by application.

    Args:
        passwords: Password by application.
        host: DNS name of the server.
        port: TCP port.
        authorities: Certificates (PEM) that verify the server; None without TLS.
        requires: Resources that must exist before the first connection succeeds.
    """
    return {
        application: SqlDatabase(
            host=host,
            port=port,
            name=postgres_login(application),
            user=postgres_login(application),
            password=password,
            ssl_mode="disable" if authorities is None else "verify-full",
            authorities=authorities,
            requires=requires,
        )
        for application, password in passwords.items()
    }


def mysql_databases(
    databases: Mapping[str, str],
    passwords: Mapping[str, pulumi.Output[str]],
    *,
    host: pulumi.Input[str],
    port: int,
    authorities: str | None,
    requires: Sequence[pulumi.Resource],
) -> dict[str, MysqlDatabase]:
    """Return the databases of a MySQL server, by application.

    Args:
        databases: Name of database and login, by application.
        passwords: Password by login.
        host: DNS name of the server.
        port: TCP port.
        authorities: Certificates (PEM) that verify the server; None without TLS.
        requires: Resources that must exist before the first connection succeeds.
    """
    return {
        application: MysqlDatabase(
            host=host,
            port=port,
            name=database,
            user=database,
            password=passwords[database],
            authorities=authorities,
            requires=requires,
        )
        for application, database in databases.items()
    }


@dataclass(frozen=True, kw_only=True)
class JobInputs:
    """Objects that the Job uses, and the server too if it is a pod.

    Attributes:
        account: ServiceAccount of the pods.
        admin: Secret with the administrator's `password`.
        scripts: ConfigMap with the scripts and files.
        texts: Content of the scripts and files, by file name.
    """

    account: k8s.core.v1.ServiceAccount
    admin: k8s.core.v1.Secret
    scripts: k8s.core.v1.ConfigMap
    texts: Mapping[str, str]


def declare_inputs(scope: Scope, client: Client, admin_password: pulumi.Input[str]) -> JobInputs:
    """Declare the ServiceAccount, the administrator's Secret and the scripts."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in client.scripts} | dict(client.files)
    return JobInputs(
        account=scope.service_account(scope.application),
        admin=scope.secret(f"{scope.application}-admin", {"password": admin_password}),
        scripts=scope.config_map(f"{scope.application}-scripts", texts),
        texts=texts,
    )


def databases_job(
    scope: Scope,
    client: Client,
    inputs: JobInputs,
    passwords: Mapping[str, pulumi.Output[str]],
    requires: Sequence[pulumi.Resource],
) -> k8s.batch.v1.Job:
    """Declare the Job. It runs again when a script, the image or the set of logins changes; it retries without limit.

    Args:
        scope: Application and namespace; the application names every object.
        client: Image, scripts and credentials of the Job.
        inputs: Objects that `declare_inputs` declared.
        passwords: Password by login; each database has the name of its login.
        requires: The server.
    """
    contents = {login: _verified(client, login, value) for login, value in passwords.items()}
    logins = scope.secret(f"{scope.application}-logins", contents)
    container = pods.Container(
        name="databases",
        image=client.image,
        resources=RESOURCES,
        command=["/bin/sh", f"{SCRIPTS}/{client.scripts[0].name}"],
        env=client.environment,
        secret_env={client.password_variable: (inputs.admin.metadata.name, "password")},
        mounts=[
            volumes.Mount(name="scripts", path=SCRIPTS, config_map=inputs.scripts.metadata.name),
            volumes.Mount(name="logins", path="/run/secrets/logins", secret=logins.metadata.name),
        ],
    )
    return scope.job(
        "databases",
        pods.pod(
            container,
            service_account=inputs.account.metadata.name,
            application=scope.application,
            component="databases",
            uid=client.uid,
            annotations=kube.secrets_digest(*passwords.values()),
            restart_policy="OnFailure",
        ),
        key=[client.image, inputs.texts, sorted(passwords)],
        requires=requires,
    )


def _verified(client: Client, login: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.secret(password.apply(lambda text: client.verifier(login, text)))
