"""What an application asks of whatever it runs on: databases, and access to buckets.

Nothing here imports Pulumi, so that a description of an application can be read quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

BucketPurpose = Literal["raw", "features", "pipelines", "models"]
BUCKET_PURPOSES: tuple[BucketPurpose, ...] = get_args(BucketPurpose)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Demand for object store access: every application states its own, the program hands all to the substrate.

    Attributes:
        application: Who asks; names the identity.
        namespace: Namespace of the ServiceAccount.
        service_account: ServiceAccount whose pods get the access.
        read_write: Purposes of the buckets it may read, write and list.
        read_only: Purposes of the buckets it may read and list.
    """

    application: str
    namespace: str
    service_account: str
    read_write: Sequence[BucketPurpose] = ()
    read_only: Sequence[BucketPurpose] = ()


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Everything that the applications of a stack ask of its substrate.

    Attributes:
        postgres: Names of databases on Postgres; each gets a login that reaches nothing else.
        mysql: Name by which an application knows its MySQL database, to the name of the database and its login.
        grants: Access to buckets.
    """

    postgres: Sequence[str] = ()
    mysql: Mapping[str, str] = field(default_factory=dict)
    grants: Sequence[Grant] = ()
