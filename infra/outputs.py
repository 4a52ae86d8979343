"""The stack's output for smoke checks, notebooks and scripts: addresses and names, never a secret.

Readers check `schema` first. A new field does not change its number. A field that is removed or changes its meaning
increases it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 2


class Frozen(BaseModel):
    """Base class of all parts: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectStoreAddress(Frozen):
    """Address of the object store inside the cluster.

    Attributes:
        endpoint: URL; None for AWS's regional default.
        region: Region for signatures.
    """

    endpoint: str | None
    region: str


class Budgets(Frozen):
    """Latency budgets at the 99th percentile, in milliseconds, and the largest age of an online feature, in seconds."""

    feature_ms: float
    predict_ms: float
    total_ms: float
    freshness_seconds: float


class SecretReference(Frozen):
    """Name and namespace of a Kubernetes Secret."""

    namespace: str
    secret: str


class Team(Frozen):
    """What a team has on the platform.

    Attributes:
        namespace: Its namespace.
        credentials: Secret with the credentials, by application.
    """

    namespace: str
    credentials: dict[str, SecretReference]


class PlatformOutputs(Frozen):
    """Stack output `platform`.

    Attributes:
        schema_version: Version of this document; its key in the output is `schema`.
        environment: Name of the environment.
        kubeconfig: Path of a kubeconfig on the machine that ran the update; None on AWS.
        urls: URL by name (`gateway`, `mlflow`, `feast`, `serving`, `pipelines`) of the applications that are on, as
            users see it, without a trailing slash. InferenceService NAME of TEAM answers under `serving`/TEAM/NAME.
        health: Path below each URL that answers 200 without a login, where `{object}` stands for the name of each
            object that users created, with its team: `TEAM/NAME`. None: every answer below 500 counts as healthy.
        namespaces: Namespace by application.
        buckets: Bucket name by purpose.
        object_store: Where the buckets are.
        budgets: Latency budgets.
        images: References of the images that jobs outside this program run (`job`: workloads, smoke probes).
        credentials: Secret with the credentials, by application.
        teams: Team by name.
        default_team: Team that commands work for unless they name another.
    """

    schema_version: Literal[2] = Field(default=SCHEMA, serialization_alias="schema")
    environment: str
    kubeconfig: str | None
    urls: dict[str, str]
    health: dict[str, str | None]
    namespaces: dict[str, str]
    buckets: dict[str, str]
    object_store: ObjectStoreAddress
    budgets: Budgets
    images: dict[str, str]
    credentials: dict[str, SecretReference]
    teams: dict[str, Team]
    default_team: str
