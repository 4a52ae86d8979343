"""Requests of applications to their substrate: databases, and access to buckets.

This module does not import Pulumi, so that descriptions of applications load quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

BucketPurpose = Literal["raw", "features", "pipelines", "models"]
BUCKET_PURPOSES: tuple[BucketPurpose, ...] = get_args(BucketPurpose)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A request for access to buckets. Applications state grants; the program passes them to the substrate.

    Attributes:
        application: Application or group of pods that gets the access; names the identity. Several grants of one
            identity add up.
        namespace: Namespace of the ServiceAccount.
        service_account: ServiceAccount whose pods get the access.
        read_write: Purposes of the buckets it may read, write and list.
        read_only: Purposes of the buckets it may read and list.
        prefix: Beginning of the keys that the grant is limited to, with a trailing slash; empty for whole buckets.
    """

    application: str
    namespace: str
    service_account: str
    read_write: Sequence[BucketPurpose] = ()
    read_only: Sequence[BucketPurpose] = ()
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Everything that the applications of a stack request from its substrate.

    Attributes:
        postgres: Names of databases on Postgres; each gets a login that reaches only this database.
        mysql: Key by which an application looks up a MySQL database, mapped to the name of database and login.
        grants: Access to buckets.
    """

    postgres: Sequence[str] = ()
    mysql: Mapping[str, str] = field(default_factory=dict)
    grants: Sequence[Grant] = ()
