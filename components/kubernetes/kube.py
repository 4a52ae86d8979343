"""Labels, metadata, resources, security contexts and digests that all Kubernetes objects of the platform share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

APP_UID = 10001
"""User and group of the platform's images, and file system group of their volumes."""

PodSecurityLevel = Literal["restricted", "baseline", "privileged"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Requests and limits of one container, as Kubernetes quantities.

    Attributes:
        cpu: CPU request; never zero, because best-effort pods get no CPU time on a busy node.
        memory: Memory request.
        cpu_limit: CPU limit.
        memory_limit: Memory limit.
    """

    cpu: str
    memory: str
    cpu_limit: str
    memory_limit: str

    def requirements(self) -> k8s.core.v1.ResourceRequirementsArgs:
        """Return the container's `resources`."""
        return k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": self.cpu, "memory": self.memory},
            limits={"cpu": self.cpu_limit, "memory": self.memory_limit},
        )


def labels(application: str, component: str | None = None) -> dict[str, str]:
    """Return the recommended labels; they select exactly the pods of `component` of `application`."""
    return {
        "app.kubernetes.io/name": application,
        "app.kubernetes.io/component": component or application,
        "app.kubernetes.io/part-of": "mlplatform",
    }


def metadata(
    name: str,
    namespace: pulumi.Input[str],
    application: str,
    component: str | None = None,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> k8s.meta.v1.ObjectMetaArgs:
    """Return metadata with a fixed name, so that previews and later runs use the same name."""
    return k8s.meta.v1.ObjectMetaArgs(
        name=name, namespace=namespace, labels=labels(application, component), annotations=annotations or None
    )


def pod_security(uid: int = APP_UID) -> k8s.core.v1.PodSecurityContextArgs:
    """Return a pod security context that Pod Security's `restricted` level accepts."""
    return k8s.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=uid,
        run_as_group=uid,
        fs_group=uid,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> k8s.core.v1.SecurityContextArgs:
    """Return a container security context: read-only root, no capabilities, no privilege escalation."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def secrets_digest(*values: pulumi.Input[str]) -> dict[str, pulumi.Output[str]]:
    """Return a pod annotation that changes with any of the random `values`, so that a rotation restarts the pods.

    64 bits of a SHA-256 reveal nothing about a random password of 190 bits, so the annotation is not secret.
    """
    hashed = pulumi.Output.all(*values).apply(lambda known: digest(list(known), 16))
    return {"mlplatform/secrets": pulumi.Output.unsecret(hashed)}


def selector(application: str, component: str | None = None) -> k8s.meta.v1.LabelSelectorArgs:
    """Return the selector of the pods of `component` of `application`."""
    return k8s.meta.v1.LabelSelectorArgs(match_labels=labels(application, component))


def digest(value: object, length: int = 10) -> str:
    """Return the first hex digits of the SHA-256 of `value` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]
