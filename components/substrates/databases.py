"""The Job that makes a database and a login for each application on one server, whoever runs that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope

RESOURCES = kube.Resources(cpu="20m", memory="32Mi", cpu_limit="1", memory_limit="128Mi")

SCRIPTS = "/scripts"
"""Where the Job finds its scripts and files."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """How the Job talks to a server.

    Attributes:
        image: Reference of an image with the client.
        uid: User of that image.
        scripts: What it runs, the first of them the entry point.
        environment: Where the server is and who the administrator is.
        password_variable: Variable that carries the administrator's password.
        verifier: Makes what the scripts take in place of a password, of a login and its password.
        files: Further texts beside the scripts, by file name: certificates.
    """

    image: str
    uid: int
    scripts: Sequence[Path]
    environment: Mapping[str, pulumi.Input[str]]
    password_variable: str
    verifier: Callable[[str, str], str]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What stands ready for the Job, and for the server where it is a pod of ours.

    Attributes:
        account: ServiceAccount of the pods.
        admin: Secret with the administrator's `password`.
        scripts: ConfigMap with the scripts and files, by file name.
        texts: The same as text.
    """

    account: k8s.core.v1.ServiceAccount
    admin: k8s.core.v1.Secret
    scripts: k8s.core.v1.ConfigMap
    texts: Mapping[str, str]


def equip(scope: Scope, client: Client, admin_password: pulumi.Input[str]) -> Equipment:
    """Declare what the Job needs beside the server."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in client.scripts} | dict(client.files)
    return Equipment(
        account=scope.service_account(scope.application),
        admin=scope.secret(f"{scope.application}-admin", {"password": admin_password}),
        scripts=scope.config_map(f"{scope.application}-scripts", texts),
        texts=texts,
    )


def databases_job(
    scope: Scope,
    client: Client,
    equipment: Equipment,
    passwords: Mapping[str, pulumi.Output[str]],
    requires: Sequence[pulumi.Resource],
) -> k8s.batch.v1.Job:
    """Declare the Job; it runs again when a script, the image or the set of logins changes, and goes on until it works.

    Args:
        scope: Where; its application names every object.
        client: How the Job talks to the server.
        equipment: What `equip` has declared.
        passwords: Password by login; database and login have one name.
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
        secret_env={client.password_variable: (equipment.admin.metadata.name, "password")},
        mounts=[
            volumes.Mount(name="scripts", path=SCRIPTS, config_map=equipment.scripts.metadata.name),
            volumes.Mount(name="logins", path="/run/secrets/logins", secret=logins.metadata.name),
        ],
    )
    return scope.job(
        "databases",
        pods.pod(
            container,
            service_account=equipment.account.metadata.name,
            application=scope.application,
            component="databases",
            uid=client.uid,
            annotations=kube.secrets_digest(*passwords.values()),
            restart_policy="OnFailure",
        ),
        key=[client.image, equipment.texts, sorted(passwords)],
        requires=requires,
    )


def _verified(client: Client, login: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.secret(password.apply(lambda text: client.verifier(login, text)))
