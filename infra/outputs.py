"""What a stack exports, for smoke checks, notebooks and scripts: addresses and names, never a secret.

Readers check `schema` first. A field is added without a new number; a field that changes its meaning, or goes,
takes the next one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1


class Frozen(BaseModel):
    """Base of every part."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectStoreAddress(Frozen):
    """Where the object store is, as seen inside the cluster.

    Attributes:
        endpoint: URL; None for AWS's regional default.
        region: Region to sign for.
    """

    endpoint: str | None
    region: str


class Budgets(Frozen):
    """Latency budgets of serving at the 99th percentile, in milliseconds."""

    feature_ms: float
    predict_ms: float
    total_ms: float


class SecretReference(Frozen):
    """A Kubernetes Secret by name."""

    namespace: str
    secret: str


class PlatformOutputs(Frozen):
    """Stack output `platform`.

    Attributes:
        schema_version: Version of this document, `schema` when exported.
        environment: Name of the environment.
        kubeconfig: Path of a kubeconfig on the machine that ran the update; None where there is none.
        urls: URL by name (`gateway`, `mlflow`, `feast`, `serving`, `pipelines`), as users see it, no trailing slash;
            of the applications that are on. InferenceService NAME answers under `serving`/NAME.
        health: Path below each URL that answers 200 without a login, `{object}` for the name of each object that users
            made; None where every answer below 500 counts as healthy.
        namespaces: Namespace by application.
        buckets: Bucket name by purpose.
        object_store: Where the buckets are.
        budgets: Latency budgets.
        images: Reference of the images that jobs outside this program run (`job`: workloads, smoke's probes).
        credentials: Secret that holds the credentials for an application.
    """

    schema_version: Literal[1] = Field(default=SCHEMA, serialization_alias="schema")
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
