"""The contract between applications and what they run on.

A substrate component (`components.substrates.local`, `components.substrates.aws`) builds one `Substrate`. Applications
read only the types of this module, so they cannot know where they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from components.substrates.requests import BucketPurpose


class ImageCatalog(Mapping[str, str]):
    """Image name (`mlflow`, `postgres`, ...) to the full reference that a pod names."""

    def __init__(self, references: Mapping[str, str]) -> None:
        self._references = dict(references)

    def __getitem__(self, name: str) -> str:
        """Return the reference of `name`; KeyError lists the names known."""
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


AUTHORITIES_FILE = "database-ca.pem"
"""Name of the file in which clients find the certificates of the authorities that sign a database's certificate."""


def _files(authorities: str | None) -> dict[str, str]:
    return {} if authorities is None else {AUTHORITIES_FILE: authorities}


@dataclass(frozen=True, kw_only=True)
class SqlDatabase:
    """One application's database with a login that reaches nothing else.

    Attributes:
        host: DNS name of the server, resolvable from every namespace.
        port: TCP port.
        name: Database name.
        user: Login, owner of the database.
        password: The login's password, a secret.
        ssl_mode: libpq's sslmode.
        authorities: Certificates (PEM) that the server's is verified with; None without TLS.
        requires: Resources that must exist before the first connection succeeds.
    """

    host: pulumi.Input[str]
    port: int
    name: str
    user: str
    password: pulumi.Output[str]
    ssl_mode: Literal["disable", "verify-full"]
    authorities: str | None = None
    requires: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse TLS without anything to verify with."""
        if (self.ssl_mode == "verify-full") != (self.authorities is not None):
            raise ValueError("sslmode verify-full needs authorities, and no other mode uses them")

    def files(self) -> dict[str, str]:
        """Return what has to be in the folder that `url` names, by file name."""
        return _files(self.authorities)

    def url(self, driver: str = "postgresql+psycopg", *, folder: str) -> pulumi.Output[str]:
        """Return SQLAlchemy's URL of the database under `driver`, a secret.

        Args:
            driver: SQLAlchemy's name of the driver.
            folder: Folder in which the client sees `files`.
        """
        verified = f"&sslrootcert={folder}/{AUTHORITIES_FILE}" if self.authorities is not None else ""
        parts = pulumi.Output.all(host=self.host, password=self.password)
        return pulumi.Output.secret(
            parts.apply(
                lambda p: (
                    f"{driver}://{self.user}:{p['password']}@{p['host']}:{self.port}/{self.name}"
                    f"?sslmode={self.ssl_mode}{verified}"
                )
            )
        )


@dataclass(frozen=True, kw_only=True)
class MysqlDatabase:
    """One application's MySQL database with a login that reaches nothing else.

    Attributes:
        host: DNS name of the server, resolvable from every namespace.
        port: TCP port.
        name: Database name.
        user: Login with all rights on the database.
        password: The login's password, a secret of letters and digits.
        authorities: Certificates (PEM) that the server's is verified with; None for a connection without TLS.
        requires: Resources that must exist before the first connection succeeds.
    """

    host: pulumi.Input[str]
    port: int
    name: str
    user: str
    password: pulumi.Output[str]
    authorities: str | None
    requires: Sequence[pulumi.Resource] = ()

    def files(self) -> dict[str, str]:
        """Return what a client needs to verify the server, by file name."""
        return _files(self.authorities)


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
    """How one ServiceAccount reaches its buckets.

    Attributes:
        environment: Variables of AWS's SDKs that are no secrets (AWS_REGION, AWS_ENDPOINT_URL, ...).
        secret_environment: Variables that are: static keys where the substrate has no workload identity, else empty.
        requires: Resources that must exist before the first call succeeds.
    """

    environment: Mapping[str, pulumi.Input[str]]
    secret_environment: Mapping[str, pulumi.Output[str]]
    requires: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """S3, or what speaks its protocol.

    Attributes:
        endpoint: URL of a private endpoint; None for AWS's regional default.
        region: Region to sign for.
        path_style: Whether the bucket stands in the path instead of the host name.
        buckets: Bucket name by purpose.
        access: Access by the name in each `Grant` that the substrate was asked for.
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
        rwx: For shared volumes (ReadWriteMany); None where there is none.
    """

    rwo: str
    rwx: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayExposure:
    """How the platform's one Gateway is reached.

    Attributes:
        gateway_class: Name of the GatewayClass to make.
        service_type: Type of the Service in front of Envoy.
        cluster_ip: Fixed ClusterIP of that Service; None lets the cluster choose.
        base_url: URL of the Gateway as users see it, without a trailing slash.
        service_annotations: Annotations of that Service (load balancer settings).
        port: Port that it listens on. 443 means that TLS has ended in front of it.
        source_ranges: CIDRs that a load balancer lets in; everybody when empty.
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
    """Everything below the platform.

    Attributes:
        environment: Name of the environment (`local`, `dev`, ...); only a label, never a condition.
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
