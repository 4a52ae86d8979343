"""A workload's step as a Kubernetes Job, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DIGEST = "mlplatform/spec-digest"
"""Label by which a running Job is recognised as the one that is wanted."""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What is to run.

    Attributes:
        name: Name of the Job.
        image: Image reference.
        command: Command and arguments.
        environment: Variables beside the platform's own.
        cpu: CPU request.
        memory: Memory request.
        memory_limit: Memory above which the kernel ends it.
        deadline_seconds: Longest run.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    # A request that fits beside the whole platform on two cores; what is free is a job's to use.
    cpu: str = "250m"
    memory: str = "768Mi"
    memory_limit: str = "3Gi"
    deadline_seconds: int = 1200


def manifest(spec: JobSpec, namespace: str) -> dict[str, Any]:
    """Return the Job: the identity, configuration and credentials of workload jobs, and no privileges."""
    container = {
        "name": "step",
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(spec.command),
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 an emptyDir of the pod
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            {"name": "FEAST_USAGE", "value": "False"},
            *({"name": name, "value": value} for name, value in sorted(spec.environment.items())),
        ],
        "envFrom": [
            {"configMapRef": {"name": "platform"}},
            {"secretRef": {"name": "object-store"}},
            {"secretRef": {"name": "mlflow-client"}},
        ],
        "resources": {
            "requests": {"cpu": spec.cpu, "memory": spec.memory},
            "limits": {"cpu": "2", "memory": spec.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "feast", "mountPath": "/etc/feast", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 an emptyDir of the pod
        ],
    }
    pod = {
        "serviceAccountName": "workload",
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "feast", "secret": {"secretName": "feast-config"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
        ],
    }
    labels = {"app.kubernetes.io/name": spec.name, "app.kubernetes.io/component": "workload"}
    body: dict[str, Any] = {
        # No retry: a step that failed is run again by whoever reads why.
        "backoffLimit": 0,
        "activeDeadlineSeconds": spec.deadline_seconds,
        "ttlSecondsAfterFinished": 24 * 3600,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": spec.name, "namespace": namespace, "labels": {**labels, DIGEST: digest}},
        "spec": body,
    }
