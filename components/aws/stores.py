"""The managed data stores of one environment, as the platform's applications see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.aws import mysql, postgres
from components.aws.cluster import Cluster
from components.aws.logs import LogRetention
from components.aws.mysql import Mysql, MysqlArgs
from components.aws.network import Network
from components.aws.postgres import Postgres, PostgresArgs
from components.aws.rds import Engine, RdsServerArgs, ServerSize
from components.aws.redis import Redis, RedisArgs
from components.aws.site import Site
from components.objects import space
from components.substrate import (
    MYSQL_DATABASES,
    SQL_APPLICATIONS,
    ImageCatalog,
    MysqlApplication,
    MysqlDatabase,
    SqlApplication,
    SqlDatabase,
)
from components.substrate import Redis as RedisAccess

NAMESPACE = "data"
"""Namespace of the Jobs that make databases; the stores themselves are outside of the cluster."""


@dataclass(frozen=True, kw_only=True)
class RedisSize:
    """What settings say about the online store; see `RedisArgs`."""

    version: str
    node_type: str
    replicas: int
    snapshot_days: int


@dataclass(frozen=True, kw_only=True)
class StoresArgs:
    """Arguments of `Stores`.

    Attributes:
        site: Where.
        postgres: Size of Postgres.
        mysql: Size of MySQL.
        redis: Size of Redis.
        authorities: Certificates (PEM) of the authorities that sign the certificates of Postgres and MySQL.
    """

    site: Site
    postgres: ServerSize
    mysql: ServerSize
    redis: RedisSize
    authorities: str


class Stores(pulumi.ComponentResource):
    """Postgres, MySQL and Redis in the database subnets."""

    postgres: Mapping[SqlApplication, SqlDatabase]
    mysql: Mapping[MysqlApplication, MysqlDatabase]
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
        jobs = space(NAMESPACE, pulumi.ResourceOptions(parent=self, provider=kubernetes))

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
                applications=SQL_APPLICATIONS,
            ),
            child,
        ).databases
        self.mysql = Mysql(
            "mysql",
            MysqlArgs(
                server=server(mysql.ENGINE, args.mysql),
                namespace=jobs,
                image=images["mariadb"],
                databases=MYSQL_DATABASES,
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
