"""Builds the Kubernetes Job that runs a workload's step, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DIGEST = "mlplatform/spec-digest"
"""Label with the digest of a Job's spec; tells a running Job with the wanted spec from an older one."""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """Image, command and resources of a Job.

    Attributes:
        name: Name of the Job.
        image: Image reference.
        command: Command and arguments.
        environment: Variables in addition to the platform's own.
        cpu: CPU request.
        memory: Memory request.
        memory_limit: Memory limit; the kernel kills the step above it.
        deadline_seconds: Longest run.
        keep_seconds: Seconds for which the cluster keeps the finished Job and its log.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Small requests: the Job has to fit beside the whole platform on two cores. It may use what is free.
    cpu: str = "250m"
    memory: str = "768Mi"
    memory_limit: str = "3Gi"
    deadline_seconds: int = 1200
    keep_seconds: int = 24 * 3600


def manifest(spec: JobSpec, namespace: str) -> dict[str, Any]:
    """Return the Job, with the identity, configuration and credentials of a team's jobs and without privileges."""
    labels = {"app.kubernetes.io/name": spec.name, "app.kubernetes.io/component": "workload"}
    body: dict[str, Any] = {
        # No retry: the caller reports the reason of a failure and decides what to run again.
        "backoffLimit": 0,
        "activeDeadlineSeconds": spec.deadline_seconds,
        "ttlSecondsAfterFinished": spec.keep_seconds,
        "template": {"metadata": {"labels": labels}, "spec": restricted_pod(spec)},
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": spec.name, "namespace": namespace, "labels": {**labels, DIGEST: digest}},
        "spec": body,
    }


def restricted_pod(spec: JobSpec) -> dict[str, Any]:
    """Return the pod spec of a Job; it meets Pod Security's `restricted` level and has a read-only root."""
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
            {"secretRef": {"name": "object-store-jobs"}},
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
    return {
        "serviceAccountName": "jobs",
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "feast", "secret": {"secretName": "feast-config"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
        ],
    }
