"""The contract between applications and their substrate.

A substrate component (`components.substrates.local`, `components.substrates.aws`) builds one `Substrate`. Applications
use only the types in this module, so they do not depend on where they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from components.substrates.requests import BucketPurpose


class ImageCatalog(Mapping[str, str]):
    """Mapping from image name (`mlflow`, `postgres`, ...) to the full reference that a pod names."""

    def __init__(self, references: Mapping[str, str]) -> None:
        self._references = dict(references)

    def __getitem__(self, name: str) -> str:
        """Return the reference of `name`; the KeyError for an unknown name lists the known names."""
        try:
            return self._references[name]
        except KeyError:
            raise KeyError(f"no image {name!r} in the catalog; known: {', '.join(sorted(self._references))}") from None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._references)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._references)


POSTGRES_TIMEOUTS: Mapping[str, int] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""Parameters of libpq that end a connection to a server that vanished: a deleted pod, an RDS failover.

Nothing closes such a connection, and without them a client waits about 15 minutes for the kernel to give up. Seconds,
except `tcp_user_timeout`: milliseconds until data that the server does not acknowledge ends the connection. A statement
that runs long is not affected, because its server still acknowledges. Source: chapter "Parameter Key Words" of libpq.
"""

AUTHORITIES_FILE = "database-ca.pem"
"""File in which clients find the certificates of the authorities that sign a database server's certificate."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """One application's database, with a login that reaches only this database.

    Attributes:
        host: DNS name of the server, resolvable from every namespace.
        port: TCP port.
        name: Database name.
        user: Login with all privileges on the database.
        password: The login's password, a secret of letters and digits.
        authorities: Certificates (PEM) that verify the server; None without TLS.
        requires: Resources that must exist before the first connection succeeds.
    """

    host: pulumi.Input[str]
    port: int
    name: str
    user: str
    password: pulumi.Output[str]
    authorities: str | None = None
    requires: Sequence[pulumi.Resource] = ()

    def files(self) -> dict[str, str]:
        """Return the files with which a client verifies the server, by file name."""
        return {} if self.authorities is None else {AUTHORITIES_FILE: self.authorities}


@dataclass(frozen=True, kw_only=True)
class MysqlDatabase(Database):
    """One application's MySQL database."""


@dataclass(frozen=True, kw_only=True)
class SqlDatabase(Database):
    """One application's Postgres database.

    Attributes:
        ssl_mode: libpq's sslmode.
    """

    ssl_mode: Literal["disable", "verify-full"]

    def __post_init__(self) -> None:
        """Refuse `verify-full` without authorities, and authorities with any other mode."""
        if (self.ssl_mode == "verify-full") != (self.authorities is not None):
            raise ValueError("sslmode verify-full requires authorities; other modes must be without authorities")

    def url(self, driver: str = "postgresql+psycopg", *, folder: str) -> pulumi.Output[str]:
        """Return SQLAlchemy's URL of the database with `driver`, a secret; the driver must be built on libpq.

        Args:
            driver: SQLAlchemy's name of the driver.
            folder: Folder in which the client finds `files`.
        """
        verified = {"sslrootcert": f"{folder}/{AUTHORITIES_FILE}"} if self.authorities is not None else {}
        parameters = {"sslmode": self.ssl_mode, **verified, **POSTGRES_TIMEOUTS}
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        parts = pulumi.Output.all(host=self.host, password=self.password)
        return pulumi.Output.secret(
            parts.apply(lambda p: f"{driver}://{self.user}:{p['password']}@{p['host']}:{self.port}/{self.name}?{query}")
        )


@dataclass(frozen=True, kw_only=True)
class Redis:
    """The online store.

    Attributes:
        host: DNS name of the primary.
        port: TCP port.
        password: AUTH token, a secret.
        tls: Whether the connection is encrypted.
        requires: Resources that must exist before the first connection succeeds.
    """

    host: pulumi.Input[str]
    port: int
    password: pulumi.Output[str]
    tls: bool
    requires: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class ObjectStoreAccess:
    """One ServiceAccount's access to its buckets.

    Attributes:
        environment: Variables of the AWS SDKs that are not secret (AWS_REGION, AWS_ENDPOINT_URL, ...).
        secret_environment: Secret variables: static keys; empty with workload identity.
        requires: Resources that must exist before the first call succeeds.
    """

    environment: Mapping[str, pulumi.Input[str]]
    secret_environment: Mapping[str, pulumi.Output[str]]
    requires: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """An object store with the S3 protocol.

    Attributes:
        endpoint: URL of a private endpoint; None for AWS's regional default.
        region: Region for signatures.
        path_style: Whether the bucket is in the path of URLs instead of the host name.
        buckets: Bucket name by purpose.
        access: Access by the name of the application in its `Grant`.
    """

    endpoint: str | None
    region: str
    path_style: bool
    buckets: Mapping[BucketPurpose, pulumi.Input[str]]
    access: Mapping[str, ObjectStoreAccess]


@dataclass(frozen=True, kw_only=True)
class StorageClasses:
    """Names of StorageClasses.

    Attributes:
        rwo: For volumes of one node (ReadWriteOnce).
        rwx: For shared volumes (ReadWriteMany); None if the substrate has no shared volumes.
    """

    rwo: str
    rwx: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayExposure:
    """Address and Service of the platform's Gateway.

    Attributes:
        gateway_class: Name of the GatewayClass to create.
        service_type: Type of the Service in front of Envoy.
        cluster_ip: Fixed ClusterIP of that Service; None lets the cluster choose.
        base_url: URL of the Gateway as users see it, without a trailing slash.
        service_annotations: Annotations of that Service (load balancer settings).
        port: Port of the Service; 443 if TLS is terminated in front of it.
        source_ranges: CIDRs that the load balancer admits; empty admits all.
    """

    gateway_class: str
    service_type: Literal["ClusterIP", "LoadBalancer"]
    cluster_ip: str | None
    base_url: str
    service_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    port: int = 80
    source_ranges: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Substrate:
    """Everything that the platform's applications run on.

    Attributes:
        environment: Name of the environment (`local`, `dev`, ...); use it only as a label, never in a condition.
        kubernetes: Provider of the cluster.
        kubeconfig: Content of a kubeconfig for the cluster, a secret.
        object_store: Buckets and access to them.
        postgres: Database by application.
        mysql: MySQL database by application.
        redis: The online store.
        storage_classes: Names of StorageClasses.
        images: References of images.
        gateway: Exposure of the Gateway.
    """

    environment: str
    kubernetes: k8s.Provider
    kubeconfig: pulumi.Output[str]
    object_store: ObjectStore
    postgres: Mapping[str, SqlDatabase]
    mysql: Mapping[str, MysqlDatabase]
    redis: Redis
    storage_classes: StorageClasses
    images: ImageCatalog
    gateway: GatewayExposure
