"""Rules on secrets: stored only in Secrets, marked as secret in the state."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.model import Area, Problem, Resource, SecretText, Severity, Stack, rule
from policy.reading import WORKLOADS, pod, texts

NAMES = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIALS?|PRIVATE_KEY)$", re.IGNORECASE)
VALUES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"://[^/\s:@]+:[^/\s:@$]+@"),
)
"""Private keys, AWS access keys, URLs with a password."""


@rule(
    "no-secrets-in-variables",
    Area.SECRETS,
    Severity.CRITICAL,
    "No variable and no argument of a container contains a secret in plain text",
    remedy="put the value into a Secret and refer to it with valueFrom.secretKeyRef, or mount the Secret",
    types=WORKLOADS,
)
def no_secrets_in_variables(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Variables and arguments are visible to everybody who may read pods."""
    found = pod(resource)
    for name, container, _ in found.containers() if found else ():
        for item in container.get("env") or []:
            value = item.get("value")
            if value and (isinstance(value, SecretText) or NAMES.search(item["name"]) or _looks_secret(value)):
                yield Problem(f"{name}.env.{item['name']}", "contains a secret")
        for key in ("command", "args"):
            for number, word in enumerate(container.get(key) or []):
                if isinstance(word, SecretText) or _looks_secret(word):
                    yield Problem(f"{name}.{key}.{number}", "contains a secret")


_CONTAINER_WORDS = re.compile(r"ontainers\.\d+\.(env|command|args)\.")
"""Paths that `no-secrets-in-variables` checks."""


def _looks_secret(text: object) -> bool:
    return isinstance(text, str) and any(pattern.search(text) for pattern in VALUES)


@rule(
    "no-secrets-outside-secrets",
    Area.SECRETS,
    Severity.CRITICAL,
    "No ConfigMap, annotation, tag or user data contains a secret",
    remedy="put the value into a Secret, or wrap it with pulumi.Output.secret",
    types=("kubernetes:core/v1:ConfigMap", "kubernetes:apps/v1:*", "aws:*"),
)
def no_secrets_outside_secrets(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Plain text that looks like a secret, and secrets in readable fields."""
    readable = ("data", "binaryData") if resource.kind == "ConfigMap" else ("metadata", "tags", "userData")
    for path, text in texts(resource.inputs):
        if isinstance(text, SecretText):
            if path.startswith(readable):
                yield Problem(path, "is a secret in a field that is not protected")
        elif _looks_secret(text) and not _CONTAINER_WORDS.search(path):
            yield Problem(path, "looks like a secret")


@rule(
    "secrets-are-known-as-such",
    Area.SECRETS,
    Severity.CRITICAL,
    "Values of Secrets and password fields are marked as secret",
    remedy="wrap the value with pulumi.Output.secret; otherwise the state contains it in plain text",
    types=(
        "kubernetes:core/v1:Secret",
        "aws:rds/instance:Instance",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:secretsmanager/secretVersion:SecretVersion",
    ),
)
def secrets_are_known_as_such(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Secret marks of the engine; a policy pack does not receive the marks, so it skips this rule."""
    if not resource.marked:
        return
    for key in ("stringData", "data", "password", "authToken", "secretString"):
        for path, text in texts(resource.at(key), key):
            if text and not isinstance(text, SecretText):
                yield Problem(path, "is not marked as a secret")
