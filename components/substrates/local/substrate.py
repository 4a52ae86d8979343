"""The local substrate: databases, online store and object store in the namespace `data` of one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kubernetes import kube
from components.kubernetes.objects import restricted_namespace
from components.kubernetes.provider import kubernetes_provider
from components.substrates.contract import GatewayExposure, ImageCatalog, StorageClasses, Substrate
from components.substrates.local.mysql import Mysql, MysqlArgs
from components.substrates.local.object_store import S3Gateway, S3GatewayArgs
from components.substrates.local.postgres import Postgres, PostgresArgs
from components.substrates.local.redis import Redis, RedisArgs
from components.substrates.requests import BUCKET_PURPOSES, BucketPurpose, Requests

NAMESPACE = "data"


@dataclass(frozen=True, kw_only=True)
class LocalService:
    """Size of one server of the substrate.

    Attributes:
        volume: Size of its volume, a Kubernetes quantity.
        resources: Requests and limits.
    """

    volume: str
    resources: kube.Resources


@dataclass(frozen=True, kw_only=True)
class LocalSubstrateArgs:
    """Arguments of `LocalSubstrate`.

    Attributes:
        environment: Name of the environment; part of bucket names.
        kubeconfig: Path of the cluster's kubeconfig. The path is known before the cluster exists, so the first preview
            equals later ones, and the state contains no administrator's key.
        images: References of images.
        storage_class: StorageClass of volumes.
        gateway_cluster_ip: Fixed ClusterIP of the Gateway.
        object_store_cluster_ip: Fixed ClusterIP of the S3 gateway.
        postgres: Size of Postgres.
        mysql: Size of MariaDB.
        redis: Size of Redis.
        redis_max_memory_mib: Data in MiB above which Redis refuses writes.
        object_store: Size of the S3 gateway.
        requests: Databases and access that the applications request.
    """

    environment: str
    kubeconfig: str
    images: ImageCatalog
    storage_class: str
    gateway_cluster_ip: str
    object_store_cluster_ip: str
    postgres: LocalService
    mysql: LocalService
    redis: LocalService
    redis_max_memory_mib: int
    object_store: LocalService
    requests: Requests


class LocalSubstrate(pulumi.ComponentResource):
    """Postgres, MySQL, Redis and an S3 gateway in the cluster that runs the platform."""

    substrate: Substrate

    def __init__(self, name: str, args: LocalSubstrateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:Substrate", name, None, opts)
        provider = kubernetes_provider(
            "kubernetes",
            args.kubeconfig,
            f"mlplatform-{args.environment}",
            pulumi.ResourceOptions(parent=self),
        )
        child = pulumi.ResourceOptions(parent=self, providers={"kubernetes": provider})
        data = restricted_namespace(NAMESPACE, pulumi.ResourceOptions(parent=self, provider=provider))
        images = args.images
        postgres = Postgres(
            "postgres",
            PostgresArgs(
                namespace=data,
                image=images["postgres"],
                storage_class=args.storage_class,
                size=args.postgres.volume,
                resources=args.postgres.resources,
                applications=args.requests.postgres,
            ),
            child,
        )
        mysql = Mysql(
            "mysql",
            MysqlArgs(
                namespace=data,
                image=images["mariadb"],
                storage_class=args.storage_class,
                size=args.mysql.volume,
                resources=args.mysql.resources,
                databases=args.requests.mysql,
            ),
            child,
        )
        redis = Redis(
            "redis",
            RedisArgs(
                namespace=data,
                image=images["redis"],
                storage_class=args.storage_class,
                size=args.redis.volume,
                resources=args.redis.resources,
                max_memory_mib=args.redis_max_memory_mib,
            ),
            child,
        )
        gateway = S3Gateway(
            "s3",
            S3GatewayArgs(
                namespace=data,
                image=images["s3"],
                client_image=images["storage-initializer"],
                storage_class=args.storage_class,
                size=args.object_store.volume,
                resources=args.object_store.resources,
                cluster_ip=args.object_store_cluster_ip,
                buckets=bucket_names(args.environment),
                grants=args.requests.grants,
            ),
            child,
        )
        self.substrate = Substrate(
            environment=args.environment,
            kubernetes=provider,
            kubeconfig=pulumi.Output.secret(args.kubeconfig),
            object_store=gateway.store,
            postgres=postgres.databases,
            mysql=mysql.databases,
            redis=redis.access,
            storage_classes=StorageClasses(rwo=args.storage_class),
            images=images,
            gateway=GatewayExposure(
                gateway_class="mlplatform",
                service_type="ClusterIP",
                cluster_ip=args.gateway_cluster_ip,
                base_url=f"http://{args.gateway_cluster_ip}",
            ),
        )
        self.register_outputs({})


def bucket_names(environment: str) -> Mapping[BucketPurpose, str]:
    """Return the bucket name of every purpose in `environment`."""
    return {purpose: f"mlplatform-{environment}-{purpose}" for purpose in BUCKET_PURPOSES}
