"""Rules on pods: Pod Security's `restricted` level, and read-only root file systems.

The fields and values are those of the Kubernetes documentation, "Pod Security Standards", policy v1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from policy.model import UNKNOWN, Area, Data, Problem, Resource, Rule, Severity, Stack, at, rule
from policy.reading import WORKLOADS, Pod, pod

ALLOWED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"),
    *("secret", "name"),
}
FIRST_USER_ID = 1000
"""Smallest user id of an ordinary user; smaller ids belong to system users on most distributions."""

Judge = Callable[[Pod, Mapping[str, Data]], str | None]


def _container_rule(identity: str, severity: Severity, title: str, remedy: str) -> Callable[[Judge], Rule]:
    """Decorate a function that returns the problem of one container of a pod, and return the rule."""

    def make(judge: Judge) -> Rule:
        def check(resource: Resource, _stack: Stack) -> Iterator[Problem]:
            found = pod(resource)
            for name, container, _ in found.containers() if found else ():
                if message := judge(found, container) if found else None:
                    yield Problem(name, message)

        check.__doc__ = judge.__doc__
        return rule(identity, Area.PODS, severity, title, remedy=remedy, types=WORKLOADS)(check)

    return make


def effective(found: Pod, container: Mapping[str, Data], *path: str) -> Data:
    """Return a security setting of a container; the pod's when the container does not set it."""
    own = at(container, "securityContext", *path)
    return own if own is not None else at(found.spec, "securityContext", *path)


@_container_rule(
    "pods-not-root",
    Severity.HIGH,
    "Containers do not run as root",
    "set runAsNonRoot, and runAsUser to a user of the image",
)
def pods_not_root(found: Pod, container: Mapping[str, Data]) -> str | None:
    """`restricted`: running as non-root; in addition, no system user."""
    if effective(found, container, "runAsNonRoot") is not True:
        return "runAsNonRoot is not true"
    user = effective(found, container, "runAsUser")
    return None if user is None or user >= FIRST_USER_ID else f"runAsUser is {user}"


@_container_rule(
    "pods-no-escalation",
    Severity.HIGH,
    "Containers cannot gain privileges",
    "set allowPrivilegeEscalation and privileged to false",
)
def pods_no_escalation(_found: Pod, container: Mapping[str, Data]) -> str | None:
    """`restricted`: privilege escalation; `baseline`: privileged containers."""
    if at(container, "securityContext", "privileged"):
        return "privileged is true"
    value = at(container, "securityContext", "allowPrivilegeEscalation")
    return None if value is False else f"allowPrivilegeEscalation is {value}"


@_container_rule(
    "pods-no-capabilities", Severity.HIGH, "Containers have no capabilities", "drop ALL and add no capability"
)
def pods_no_capabilities(_found: Pod, container: Mapping[str, Data]) -> str | None:
    """`restricted`: capabilities (NET_BIND_SERVICE alone may be added)."""
    capabilities = at(container, "securityContext", "capabilities")
    if "ALL" not in (at(capabilities, "drop") or []):
        return f"drops {at(capabilities, 'drop')}"
    added = set(at(capabilities, "add") or []) - {"NET_BIND_SERVICE"}
    return f"adds {', '.join(sorted(added))}" if added else None


@_container_rule(
    "pods-seccomp",
    Severity.MEDIUM,
    "Containers have a seccomp profile",
    "set seccompProfile.type to RuntimeDefault",
)
def pods_seccomp(found: Pod, container: Mapping[str, Data]) -> str | None:
    """`restricted`: seccomp."""
    kind = effective(found, container, "seccompProfile", "type")
    return None if kind in {"RuntimeDefault", "Localhost"} else f"seccompProfile.type is {kind}"


@_container_rule(
    "pods-read-only-root",
    Severity.MEDIUM,
    "Containers have a read-only root file system",
    "set readOnlyRootFilesystem, and mount an emptyDir where the program writes",
)
def pods_read_only_root(_found: Pod, container: Mapping[str, Data]) -> str | None:
    """Not part of `restricted`."""
    value = at(container, "securityContext", "readOnlyRootFilesystem")
    return None if value is True else f"readOnlyRootFilesystem is {value}"


@_container_rule(
    "pods-no-host-ports", Severity.HIGH, "Containers use no port of their node", "use a Service instead of hostPort"
)
def pods_no_host_ports(_found: Pod, container: Mapping[str, Data]) -> str | None:
    """`baseline`: host ports."""
    ports = [port.get("hostPort") for port in container.get("ports") or [] if port.get("hostPort")]
    return f"hostPort is {', '.join(map(str, ports))}" if ports else None


@rule(
    "pods-apart-from-host",
    Area.PODS,
    Severity.CRITICAL,
    "Pods share no namespace and no path with their node",
    remedy="remove hostNetwork, hostPID, hostIPC and hostPath volumes",
    types=WORKLOADS,
)
def pods_apart_from_host(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """`baseline`: host namespaces, hostPath; `restricted`: volume types."""
    found = pod(resource)
    if found is None:
        return
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if found.spec.get(key):
            yield Problem(key, "is true")
    for volume in found.spec.get("volumes") or []:
        if other := set(volume) - ALLOWED_VOLUMES:
            yield Problem(f"volumes.{volume.get('name')}", f"is a {', '.join(sorted(other))}")


@rule(
    "namespaces-restricted",
    Area.PODS,
    Severity.HIGH,
    "Namespaces enforce Pod Security's restricted level",
    remedy="label the Namespace pod-security.kubernetes.io/enforce: restricted",
    types=("kubernetes:core/v1:Namespace",),
)
def namespaces_restricted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Level that admission enforces for every pod, also for pods of users."""
    level = at(resource.at("metadata", "labels"), "pod-security.kubernetes.io/enforce")
    if level not in {"restricted", UNKNOWN}:
        yield f"enforces {level}"
