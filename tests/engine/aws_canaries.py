"""Planted secrets in all places where a stack has secrets, and a search for them and for the stack's own secrets."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable
from urllib.parse import quote

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from tests.engine.aws import REGION
from tests.engine.aws_world import World

CANARIES = [f"canary-{number:02d}&{'feed' * 4}" for number in range(50)]
"""They contain a character that URLs and the engine's JSON escape and that RDS and Redis accept in passwords."""

IN_KUBERNETES, IN_SECRETS_MANAGER, IN_RDS, IN_REDIS = CANARIES[:24], CANARIES[24:48], CANARIES[48], CANARIES[49]
CERTIFICATES = ("envoy", "envoy-gateway", "envoy-rate-limit")
"""Secrets that a Job in the cluster creates, which the engine never sees."""


def plant() -> None:
    """Declare the canaries in Kubernetes, in Secrets Manager, and as passwords of RDS and Redis."""
    cluster = k8s.Provider("canaries", kubeconfig=os.environ["MLP_TEST_KUBECONFIG"])
    k8s.core.v1.Secret(
        "canaries",
        metadata={"name": "canaries", "namespace": "default"},
        string_data={f"key-{number}": pulumi.Output.secret(text) for number, text in enumerate(IN_KUBERNETES)},
        opts=pulumi.ResourceOptions(provider=cluster),
    )
    opts = pulumi.ResourceOptions(provider=aws.Provider("canaries", region=REGION))
    for number in range(3):
        secret = aws.secretsmanager.Secret(
            f"canary-{number}", name=f"canary/{number}", recovery_window_in_days=0, opts=opts
        )
        texts = json.dumps(IN_SECRETS_MANAGER[number::3])
        aws.secretsmanager.SecretVersion(
            f"canary-{number}", secret_id=secret.id, secret_string=pulumi.Output.secret(texts), opts=opts
        )
    aws.rds.Instance(
        "canary",
        identifier="canary",
        engine="mysql",
        instance_class="db.t4g.medium",
        allocated_storage=20,
        username="canary",
        password=pulumi.Output.secret(IN_RDS),
        skip_final_snapshot=True,
        opts=opts,
    )
    aws.elasticache.ReplicationGroup(
        "canary",
        replication_group_id="canary",
        description="canary",
        engine="redis",
        node_type="cache.t4g.small",
        num_cache_clusters=1,
        transit_encryption_enabled=True,
        auth_token=pulumi.Output.secret(IN_REDIS),
        opts=opts,
    )


def arrived(world: World) -> set[str]:
    """Return the canaries that can be read at their destination; RDS and Redis do not return passwords."""
    found = set(_in_cluster(world)) & set(CANARIES)
    client = world.account.client("secretsmanager")
    for number in range(3):
        found |= set(json.loads(client.get_secret_value(SecretId=f"canary/{number}")["SecretString"]))
    return found


def drawn(world: World) -> set[str]:
    """Return the secrets that the stack generated, from its Kubernetes Secrets."""
    alike = re.compile(r"[A-Za-z0-9_-]{16,128}")
    return {text for text in _in_cluster(world) if alike.fullmatch(text) and re.search(r"\d", text)}


def leaks(secrets: Iterable[str], said: str) -> list[str]:
    """Return the secrets that a text contains in some form."""
    return sorted(text for text in secrets if any(form in said for form in forms(text)))


def forms(text: str) -> set[str]:
    """Return the forms of a secret in text: plain, for URLs, in the engine's JSON, and inside longer base64."""
    raw = text.encode()
    inside = {
        base64.b64encode(bytes(before) + raw).decode()[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        for before in range(3)
    }
    # Once for JSON, and once for JSON inside JSON.
    escaped = {text.replace("&", "\\" * depth + "u0026") for depth in (1, 2)}
    return {text, quote(text, safe=""), *escaped, *inside}


def _in_cluster(world: World) -> Iterable[str]:
    for secret in (world.plane.get("/api/v1/secrets") or {})["items"]:
        if secret["metadata"]["name"] not in CERTIFICATES:
            for part in secret.get("data", {}).values():
                yield base64.b64decode(part).decode(errors="replace")
