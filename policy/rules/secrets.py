"""Secrets stand in Secrets, and the engine knows that they are secret."""

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
    "No variable and no argument of a container holds a secret in plain text",
    remedy="put it into a Secret and refer to it with valueFrom.secretKeyRef, or mount it",
    types=WORKLOADS,
)
def no_secrets_in_variables(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Whoever may read pods reads their variables and arguments."""
    found = pod(resource)
    for name, container, _ in found.containers() if found else ():
        for item in container.get("env") or []:
            value = item.get("value")
            if value and (isinstance(value, SecretText) or NAMES.search(item["name"]) or _looks_secret(value)):
                yield Problem(f"{name}.env.{item['name']}", "holds a secret")
        for key in ("command", "args"):
            for number, word in enumerate(container.get(key) or []):
                if isinstance(word, SecretText) or _looks_secret(word):
                    yield Problem(f"{name}.{key}.{number}", "holds a secret")


_CONTAINER_WORDS = re.compile(r"ontainers\.\d+\.(env|command|args)\.")
"""Where `no-secrets-in-variables` looks."""


def _looks_secret(text: object) -> bool:
    return isinstance(text, str) and any(pattern.search(text) for pattern in VALUES)


@rule(
    "no-secrets-outside-secrets",
    Area.SECRETS,
    Severity.CRITICAL,
    "No ConfigMap, annotation, tag or user data holds a secret",
    remedy="put it into a Secret, or wrap it with pulumi.Output.secret",
    types=("kubernetes:core/v1:ConfigMap", "kubernetes:apps/v1:*", "aws:*"),
)
def no_secrets_outside_secrets(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Plain text that looks like a secret, and secrets where anybody reads them."""
    readable = ("data", "binaryData") if resource.kind == "ConfigMap" else ("metadata", "tags", "userData")
    for path, text in texts(resource.inputs):
        if isinstance(text, SecretText):
            if path.startswith(readable):
                yield Problem(path, "is a secret in a place that anybody reads")
        elif _looks_secret(text) and not _CONTAINER_WORDS.search(path):
            yield Problem(path, "looks like a secret")


@rule(
    "secrets-are-known-as-such",
    Area.SECRETS,
    Severity.CRITICAL,
    "What a Secret or a password field holds is a secret of the stack",
    remedy="wrap the value with pulumi.Output.secret: otherwise it stands in the state in plain text",
    types=(
        "kubernetes:core/v1:Secret",
        "aws:rds/instance:Instance",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:secretsmanager/secretVersion:SecretVersion",
    ),
)
def secrets_are_known_as_such(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Marks of the engine; a policy pack sees values without them, so it sees none of this."""
    if not resource.marked:
        return
    for key in ("stringData", "data", "password", "authToken", "secretString"):
        for path, text in texts(resource.at(key), key):
            if text and not isinstance(text, SecretText):
                yield Problem(path, "is not marked as a secret")
