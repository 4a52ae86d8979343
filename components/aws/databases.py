"""The Job inside the VPC that makes a database and a login for each application on one managed server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components import kube
from components.objects import Scope, Space, password

RESOURCES = kube.Resources(cpu="20m", memory="32Mi", cpu_limit="1", memory_limit="128Mi")


@dataclass(frozen=True, kw_only=True)
class Client:
    """How the Job talks to a server.

    Attributes:
        application: `postgres` or `mysql`; names every object.
        image: Reference of an image with the client.
        uid: User of that image.
        scripts: What it runs, the first of them the entry point.
        environment: Where the server is and who the administrator is.
        password_variable: Variable that carries the administrator's password.
    """

    application: str
    image: str
    uid: int
    scripts: Sequence[Path]
    environment: Mapping[str, pulumi.Input[str]]
    password_variable: str


def logins(names: Sequence[str], application: str, opts: pulumi.ResourceOptions) -> dict[str, pulumi.Output[str]]:
    """Declare a password for each login."""
    return {name: password(f"{application}-{name.replace('_', '-')}", opts) for name in names}


def databases_job(
    namespace: Space,
    client: Client,
    admin_password: pulumi.Input[str],
    passwords: Mapping[str, pulumi.Output[str]],
    opts: pulumi.ResourceOptions,
    requires: Sequence[pulumi.Resource],
) -> k8s.batch.v1.Job:
    """Declare the Job; it runs again when a script, the image or the set of logins changes, and goes on until it works.

    Args:
        namespace: Namespace to run in.
        client: How it talks to the server.
        admin_password: The administrator's password.
        passwords: Password by login; database and login have one name.
        opts: Parent and provider.
        requires: The server.
    """
    scope = Scope(application=client.application, namespace=namespace, base=opts)
    account = scope.service_account(client.application)
    admin = scope.secret(f"{client.application}-admin", {"password": admin_password})
    secret = scope.secret(f"{client.application}-logins", dict(passwords))
    scripts = {path.name: path.read_text(encoding="utf-8") for path in client.scripts}
    mounted = scope.config_map(f"{client.application}-scripts", scripts)
    container = kube.Container(
        name="databases",
        image=client.image,
        resources=RESOURCES,
        command=["/bin/sh", f"/scripts/{client.scripts[0].name}"],
        env=client.environment,
        secret_env={client.password_variable: (admin.metadata.name, "password")},
        mounts=[
            kube.Mount(name="scripts", path="/scripts", config_map=mounted.metadata.name),
            kube.Mount(name="logins", path="/run/secrets/logins", secret=secret.metadata.name),
        ],
    )
    return scope.job(
        "databases",
        kube.pod(
            container,
            service_account=account.metadata.name,
            application=client.application,
            component="databases",
            uid=client.uid,
            annotations=kube.secrets_digest(*passwords.values()),
            restart_policy="OnFailure",
        ),
        key=[client.image, scripts, sorted(passwords)],
        requires=requires,
    )
