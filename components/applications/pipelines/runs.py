"""Objects that runs need in their namespace: launcher configuration, credentials, default sizes, ServiceAccount."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.pipelines import names
from components.applications.pipelines.workflows import RunPolicy
from components.kubernetes.objects import Scope
from components.kubernetes.transformations import Object
from components.substrates.contract import ObjectStore, Substrate
from components.teams.component import PLATFORM, TeamSpace, container_defaults
from components.teams.team import Team

KEYS = "object-store"
"""Secret with the object store's environment variables."""

ROOT = "v2/artifacts"
"""Folder of all artifacts, in the folder of the team."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Addresses and credentials with which steps reach the other applications.

    Attributes:
        feast_config: Content of the Secret `feast-config`.
        mlflow: Content of the Secret `mlflow-client`.
    """

    feast_config: Mapping[str, pulumi.Input[str]]
    mlflow: Mapping[str, pulumi.Input[str]]


def provider(store: ObjectStore, *, static_keys: bool) -> Object:
    """Return the launcher's configuration of the object store.

    Args:
        store: The object store.
        static_keys: Whether access keys are in the Secret; otherwise the pod's workload identity is used.
    """
    if not static_keys:
        return {"credentials": {"fromEnv": True}}
    url = urlsplit(store.endpoint or f"https://s3.{store.region}.amazonaws.com")
    reference = {"secretName": KEYS, "accessKeyKey": "AWS_ACCESS_KEY_ID", "secretKeyKey": "AWS_SECRET_ACCESS_KEY"}
    return {
        "endpoint": url.netloc,
        "region": store.region,
        "disableSSL": url.scheme != "https",
        "forcePathStyle": store.path_style,
        "credentials": {"fromEnv": False, "secretRef": reference},
    }


def launcher_config(store: ObjectStore, bucket: str, team: Team, *, static_keys: bool) -> dict[str, str]:
    """Return the ConfigMap `kfp-launcher`."""
    default = provider(store, static_keys=static_keys)
    return {
        "defaultPipelineRoot": f"s3://{bucket}/{team.prefix}{ROOT}",
        "providers": json.dumps({"s3": {"default": default}}, sort_keys=True),
    }


def has_static_keys(substrate: Substrate) -> bool:
    """Return whether steps use access keys for the object store instead of workload identity."""
    return bool(substrate.object_store.access[names.RUNNER_GRANT.application].secret_environment)


def declare(
    scope: Scope, substrate: Substrate, clients: Clients, policy: RunPolicy, team: TeamSpace
) -> list[pulumi.Resource]:
    """Declare everything that a run needs in its namespace. All runs work on the data of one team."""
    store = substrate.object_store
    static_keys = has_static_keys(substrate)
    access = store.access[names.RUNNER_GRANT.application]
    keys: Mapping[str, pulumi.Input[str]] = {**access.environment, **access.secret_environment}
    launcher = pulumi.Output.from_input(store.buckets["pipelines"]).apply(
        lambda bucket: launcher_config(store, bucket, team.team, static_keys=static_keys)
    )
    metadata = {"METADATA_GRPC_SERVICE_HOST": names.METADATA, "METADATA_GRPC_SERVICE_PORT": str(names.METADATA_PORT)}
    return [
        _runner(scope),
        k8s.core.v1.ConfigMap(
            names.LAUNCHER_CONFIG, metadata=scope.metadata(names.LAUNCHER_CONFIG), data=launcher, opts=scope.opts
        ),
        scope.config_map(names.METADATA_CONFIG, metadata),
        scope.secret(KEYS, keys, resource="pipelines-object-store"),
        scope.secret("feast-config", clients.feast_config, resource="pipelines-feast-config"),
        scope.secret("mlflow-client", clients.mlflow, resource="pipelines-mlflow-client"),
        k8s.core.v1.ConfigMap(
            "pipelines-platform",
            metadata=scope.metadata(PLATFORM),
            data=team.settings,
            opts=scope.opts,
        ),
        container_defaults("pipelines", scope, policy.step),
    ]


def _runner(scope: Scope) -> k8s.core.v1.ServiceAccount:
    """Declare the ServiceAccount of steps; pods get its token, with which they report results to Argo."""
    return k8s.core.v1.ServiceAccount(
        names.RUNNER,
        metadata=scope.metadata(names.RUNNER),
        automount_service_account_token=True,
        opts=scope.opts,
    )
