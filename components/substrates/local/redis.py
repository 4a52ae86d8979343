"""Redis on one volume: the online store of a machine that may lose power at any time."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.contract import Redis as RedisAccess

PORT = 6379
UID = 10003
"""User of the image `redis`."""


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """Arguments of `Redis`.

    Attributes:
        namespace: Namespace of the server.
        image: Reference of the image `redis`.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        resources: Requests and limits.
        max_memory_mib: Data in MiB above which Redis refuses writes; well below the memory limit.
    """

    namespace: Namespace
    image: str
    storage_class: str
    size: str
    resources: kube.Resources
    max_memory_mib: int


def configuration(max_memory_mib: int) -> str:
    """Return redis.conf without the password.

    When memory is full, Redis refuses writes instead of evicting keys: an evicted feature row would look like an
    unknown entity and silently cause a wrong prediction. The append-only file limits the loss of a crash to one second.
    """
    return "\n".join(
        [
            "bind * -::*",
            f"port {PORT}",
            "dir /data",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            f"maxmemory {max_memory_mib}mb",
            "maxmemory-policy noeviction",
            "tcp-keepalive 60",
            "timeout 0",
            "rename-command DEBUG ''",
            "",
        ]
    )


class Redis(pulumi.ComponentResource):
    """One server with a password and an append-only file."""

    access: RedisAccess

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Redis", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="redis", namespace=args.namespace, base=child)
        account = scope.service_account("redis")
        secret = password("redis", child)
        text = configuration(args.max_memory_mib)
        settings = scope.secret(
            "redis-config",
            {"redis.conf": pulumi.Output.concat(text, "requirepass ", secret, "\n"), "password": secret},
        )
        scope.service(PORT, protocol="tcp")
        server = scope.stateful_set(
            pods.pod(
                pods.Container(
                    name="redis",
                    image=args.image,
                    resources=args.resources,
                    command=["redis-server", "/etc/redis/redis.conf"],
                    secret_env={"REDISCLI_AUTH": (settings.metadata.name, "password")},
                    ports={"tcp": PORT},
                    # While Redis loads the append-only file, PING answers "LOADING" and redis-cli exits 0.
                    probes=pods.Probes(port=PORT, command=["/bin/sh", "-c", "redis-cli ping | grep -q '^PONG$'"]),
                    mounts=[
                        volumes.Mount(name="data", path="/data", claim="data"),
                        volumes.Mount(name="config", path="/etc/redis", secret=settings.metadata.name),
                    ],
                ),
                service_account=account.metadata.name,
                application="redis",
                uid=UID,
                annotations={"mlplatform/config": kube.digest(text), **kube.secrets_digest(secret)},
            ),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        self.access = RedisAccess(
            host=f"redis.{args.namespace.name}.svc", port=PORT, password=secret, tls=False, requires=[server]
        )
        self.register_outputs({})
