"""Feast: SQL registry on Postgres, online store on Redis, feature server, scheduled materialization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import yaml

from components.applications.description import Context
from components.applications.feast.names import CLIENT_SECRET, CONFIG_PATH, FOLDER, GRANT, NAMESPACE, PORT, PROJECT
from components.applications.feast.settings import FeastSection
from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Scope, restricted_namespace
from components.substrates.contract import Substrate

CacheMode = Literal["sync", "thread"]


@dataclass(frozen=True, kw_only=True)
class Materialization:
    """Schedule of the job that copies features to the online store.

    Attributes:
        schedule: Cron expression, UTC.
        until: Instant up to which features are copied (ISO 8601, UTC); the time of the run when None. Set it for a data
            set that has ended.
        resources: Requests and limits.
    """

    schedule: str
    until: str | None
    resources: kube.Resources


@dataclass(frozen=True, kw_only=True)
class FeastArgs:
    """Arguments of `Feast`.

    Attributes:
        substrate: Substrate that Feast runs on.
        replicas: Pods of the feature server.
        workers: Server processes in each pod.
        registry_refresh_seconds: Age at which the feature server reads the registry again, in the background.
        resources: Requests and limits of a feature server's pod.
        materialization: Schedule of the job that copies features to the online store.
    """

    substrate: Substrate
    replicas: int
    workers: int
    registry_refresh_seconds: int
    resources: kube.Resources
    materialization: Materialization


def feature_store(
    *, registry: str, redis: str, redis_port: int, redis_password: str, redis_tls: bool, cache: CacheMode, ttl: int
) -> str:
    """Return feature_store.yaml.

    Args:
        registry: SQLAlchemy URL of the registry.
        redis: Host of the online store.
        redis_port: Its port.
        redis_password: Its password.
        redis_tls: Whether the connection to the online store is encrypted.
        cache: `thread` for servers, so that no request waits for a registry refresh; `sync` for clients, which must
            read back what they apply.
        ttl: Age of the registry cache in seconds.
    """
    online = [f"{redis}:{redis_port}", f"password={redis_password}", f"ssl={str(redis_tls).lower()}"]
    # Fail within seconds when the online store is down, instead of blocking requests without a time limit.
    online += ["socket_connect_timeout=2", "socket_timeout=5", "health_check_interval=30"]
    config: Mapping[str, Any] = {
        "project": PROJECT,
        "provider": "local",
        "registry": {
            "registry_type": "sql",
            "path": registry,
            "cache_mode": cache,
            "cache_ttl_seconds": ttl,
            # Without this, the feature server refuses requests during every scheduled materialization.
            "serve_features_while_materializing": True,
            # The server forks after its first connection, and a child must not use a connection of its parent.
            "sqlalchemy_config_kwargs": {"echo": False, "pool_pre_ping": True, "pool_recycle": 30},
        },
        "online_store": {"type": "redis", "connection_string": ",".join(online)},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
        "auth": {"type": "no_auth"},
    }
    return yaml.safe_dump(config, sort_keys=False)


def materialize_command(until: str | None) -> list[str]:
    """Return the command of a scheduled materialization."""
    feast = f"exec feast --feature-store-yaml {CONFIG_PATH} materialize-incremental"
    end = until if until is not None else "$(date --utc +%Y-%m-%dT%H:%M:%S)"
    return ["/bin/sh", "-c", f'{feast} "{end}"']


class Feast(pulumi.ComponentResource):
    """The feature server behind the Service `feast`, and the configuration that clients need to use the store.

    Attributes:
        client_config: Content of the Secret that clients mount at FOLDER, a secret: feature_store.yaml and the files
            that it refers to.
    """

    client_config: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, args: FeastArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Feast", name, None, opts)
        substrate = args.substrate
        child = pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes)
        scope = Scope(application="feast", namespace=restricted_namespace(NAMESPACE, child), base=child)
        files = substrate.postgres["feast"].files()
        self.client_config = {"feature_store.yaml": render(substrate, "sync", args.registry_refresh_seconds), **files}
        server_config = render(substrate, "thread", args.registry_refresh_seconds)
        config = scope.secret(CLIENT_SECRET, self.client_config)
        served = scope.secret("feast-server-config", {"feature_store.yaml": server_config, **files})
        self._server(scope, args, served.metadata.name, kube.secrets_digest(server_config, *files.values()))
        self._materialization(scope, args, config.metadata.name)
        self.register_outputs({})

    @staticmethod
    def _server(
        scope: Scope, args: FeastArgs, config: pulumi.Output[str], rotation: Mapping[str, pulumi.Input[str]]
    ) -> None:
        substrate = args.substrate
        account = scope.service_account("feast")
        container = pods.Container(
            name="feast",
            image=substrate.images["feast"],
            resources=args.resources,
            command=["feast", "--feature-store-yaml", CONFIG_PATH, "serve"],
            args=[
                *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - a pod's own
                *("--workers", str(args.workers), "--no-access-log"),
                # By default a worker exits after 1,000 requests, and a new one takes 5 s to start.
                *("--max-requests", "0", "--max-requests-jitter", "0"),
                *("--registry_ttl_sec", str(args.registry_refresh_seconds)),
            ],
            env=ENVIRONMENT,
            ports={"http": PORT},
            probes=pods.Probes(port=PORT, path="/health", start_seconds=180),
            mounts=[volumes.Mount(name="config", path=FOLDER, secret=config), SCRATCH],
        )
        scope.service(PORT)
        scope.deployment(
            args.replicas,
            pods.pod(container, service_account=account.metadata.name, application="feast", annotations=rotation),
            requires=[*substrate.postgres["feast"].requires, *substrate.redis.requires],
        )

    @staticmethod
    def _materialization(scope: Scope, args: FeastArgs, config: pulumi.Output[str]) -> None:
        substrate, plan = args.substrate, args.materialization
        access = substrate.object_store.access[GRANT.application]
        account = scope.service_account(GRANT.service_account)
        keys = scope.secret("object-store", access.secret_environment, resource="feast-object-store")
        container = pods.Container(
            name="materialize",
            image=substrate.images["feast"],
            resources=plan.resources,
            command=materialize_command(plan.until),
            env={**ENVIRONMENT, **access.environment},
            env_from_secrets=[keys.metadata.name],
            mounts=[volumes.Mount(name="config", path=FOLDER, secret=config), SCRATCH],
        )
        scope.cron_job(
            "materialize",
            pods.pod(
                container,
                service_account=account.metadata.name,
                application="feast",
                component="materialize",
                restart_policy="Never",
            ),
            schedule=plan.schedule,
        )


ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
    "FEAST_USAGE": "False",
    "PYTHONDONTWRITEBYTECODE": "1",
}
SCRATCH = volumes.Mount(name="tmp", path="/tmp", size_limit="2Gi")  # noqa: S108


def render(substrate: Substrate, cache: CacheMode, ttl: int) -> pulumi.Output[str]:
    """Return feature_store.yaml for the stores of `substrate`, a secret."""
    redis = substrate.redis
    values = pulumi.Output.all(
        registry=substrate.postgres["feast"].url(folder=FOLDER), redis=redis.host, redis_password=redis.password
    )
    return pulumi.Output.secret(
        values.apply(
            lambda v: feature_store(
                registry=v["registry"],
                redis=v["redis"],
                redis_port=redis.port,
                redis_password=v["redis_password"],
                redis_tls=redis.tls,
                cache=cache,
                ttl=ttl,
            )
        )
    )


def declare(context: Context, settings: FeastSection) -> Feast:
    """Declare Feast from its settings."""
    plan = settings.materialization
    return Feast(
        "feast",
        FeastArgs(
            substrate=context.substrate,
            replicas=settings.replicas,
            workers=settings.workers,
            registry_refresh_seconds=settings.registry_refresh_seconds,
            resources=settings.size.resources(),
            materialization=Materialization(schedule=plan.schedule, until=plan.until, resources=plan.size.resources()),
        ),
    )
