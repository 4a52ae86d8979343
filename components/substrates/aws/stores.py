"""The managed data stores of one environment, as the applications see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.objects import restricted_namespace
from components.substrates.aws import mysql, postgres
from components.substrates.aws.cluster import Cluster
from components.substrates.aws.logs import LogRetention
from components.substrates.aws.mysql import Mysql, MysqlArgs
from components.substrates.aws.network import Network
from components.substrates.aws.postgres import Postgres, PostgresArgs
from components.substrates.aws.rds import Engine, RdsServerArgs, ServerSize
from components.substrates.aws.redis import Redis, RedisArgs
from components.substrates.aws.site import Site
from components.substrates.contract import ImageCatalog, MysqlDatabase, SqlDatabase
from components.substrates.contract import Redis as RedisAccess
from components.substrates.requests import Requests

NAMESPACE = "data"
"""Namespace of the Jobs that create databases; the stores themselves are outside the cluster."""


@dataclass(frozen=True, kw_only=True)
class RedisSize:
    """Version, size and availability of the online store, from settings; see `RedisArgs`."""

    version: str
    node_type: str
    replicas: int
    snapshot_days: int


@dataclass(frozen=True, kw_only=True)
class StoresArgs:
    """Arguments of `Stores`.

    Attributes:
        site: Account, region and names.
        postgres: Size of Postgres.
        mysql: Size of MySQL.
        redis: Size of Redis.
        authorities: Certificates (PEM) of the authorities that sign the certificates of Postgres and MySQL.
        requests: Databases that the applications request.
    """

    site: Site
    postgres: ServerSize
    mysql: ServerSize
    redis: RedisSize
    authorities: str
    requests: Requests


class Stores(pulumi.ComponentResource):
    """Postgres, MySQL and Redis in the database subnets."""

    postgres: Mapping[str, SqlDatabase]
    mysql: Mapping[str, MysqlDatabase]
    redis: RedisAccess

    def __init__(
        self,
        name: str,
        args: StoresArgs,
        *,
        network: Network,
        cluster: Cluster,
        key_arn: pulumi.Input[str],
        retention: LogRetention,
        kubernetes: k8s.Provider,
        images: ImageCatalog,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlplatform:aws:Stores", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, providers={"kubernetes": kubernetes})
        subnets = network.subnets["database"]
        jobs = restricted_namespace(NAMESPACE, pulumi.ResourceOptions(parent=self, provider=kubernetes))

        def server(engine: Engine, size: ServerSize) -> RdsServerArgs:
            return RdsServerArgs(
                site=args.site,
                engine=engine,
                size=size,
                vpc_id=network.vpc_id,
                subnets=subnets,
                node_security_group=cluster.security_group,
                key_arn=key_arn,
                authorities=args.authorities,
                retention=retention,
            )

        self.postgres = Postgres(
            "postgres",
            PostgresArgs(
                server=server(postgres.ENGINE, args.postgres),
                namespace=jobs,
                image=images["postgres"],
                applications=args.requests.postgres,
            ),
            child,
        ).databases
        self.mysql = Mysql(
            "mysql",
            MysqlArgs(
                server=server(mysql.ENGINE, args.mysql),
                namespace=jobs,
                image=images["mariadb"],
                databases=args.requests.mysql,
            ),
            child,
        ).databases
        self.redis = Redis(
            "redis",
            RedisArgs(
                site=args.site,
                version=args.redis.version,
                node_type=args.redis.node_type,
                replicas=args.redis.replicas,
                snapshot_days=args.redis.snapshot_days,
                vpc_id=network.vpc_id,
                subnets=subnets,
                node_security_group=cluster.security_group,
                key_arn=key_arn,
                retention=retention,
            ),
            child,
        ).access
        self.register_outputs({})
