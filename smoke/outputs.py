"""The exported outputs of a stack, as far as checks need them (schema 1)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from smoke.result import CheckFailed

SUPPORTED_SCHEMA = 1


class Budgets(BaseModel):
    """Latency budgets at the 99th percentile, in milliseconds, and the age an online feature may have, in seconds."""

    feature_ms: float
    predict_ms: float
    total_ms: float
    freshness_seconds: float = 3600.0


class SecretName(BaseModel):
    """Where a credential stands in the cluster."""

    namespace: str
    secret: str


class Outputs(BaseModel):
    """What `mlp up` exported as stack output `platform`."""

    model_config = ConfigDict(extra="allow")

    environment: str
    kubeconfig: str | None = None
    urls: dict[str, str]
    namespaces: dict[str, str]
    buckets: dict[str, str]
    budgets: Budgets
    credentials: dict[str, SecretName]

    def secret(self, name: str) -> dict[str, str]:
        """Return the decoded values of the Kubernetes Secret behind credential `name`.

        Raises:
            CheckFailed: The Secret is not there, or the cluster does not answer.
        """
        from kubernetes.client import CoreV1Api

        from smoke.kube import api_client

        where = self.credentials[name]
        try:
            found = CoreV1Api(api_client(self.kubeconfig)).read_namespaced_secret(where.secret, where.namespace)
        except Exception as error:
            raise CheckFailed(f"cannot read Secret {where.namespace}/{where.secret}: {first_line(error)}") from error
        return {key: base64.b64decode(value).decode() for key, value in (found.data or {}).items()}


def first_line(error: object) -> str:
    """Return the first line of an error's text, at most 300 characters: enough to act on, short enough for a table."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def load(path: Path) -> Outputs:
    """Read the outputs file.

    Raises:
        CheckFailed: There is none, or its schema is not the one that these checks know.
    """
    if not path.is_file():
        raise CheckFailed(f"{path.name} does not exist: run `mlp up --stack {path.stem}` first")
    values: dict[str, Any] = json.loads(path.read_text())
    if values.get("schema") != SUPPORTED_SCHEMA:
        raise CheckFailed(f"outputs of schema {values.get('schema')!r}; these checks know schema {SUPPORTED_SCHEMA}")
    try:
        return Outputs.model_validate(values)
    except ValidationError as error:
        raise CheckFailed(f"{path.name} does not fit schema {SUPPORTED_SCHEMA}: {error}") from None
