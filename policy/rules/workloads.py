"""Rules on workloads: resources, probes, ServiceAccounts and their tokens, GPUs, finished jobs."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, at, is_set, rule
from policy.reading import ENVOY_PROXY, WORKLOADS, pod, proxy_deployment


@rule(
    "requests-and-limits",
    Area.PODS,
    Severity.MEDIUM,
    "Containers set requests and limits of CPU and memory",
    remedy="set resources.requests and resources.limits; pods without requests get too little CPU on a busy node",
    types=(*WORKLOADS, ENVOY_PROXY),
)
def requests_and_limits(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Requests are needed for scheduling, limits for the protection of other pods."""
    found = pod(resource)
    containers = [(name, container) for name, container, _ in found.containers()] if found else []
    if resource.kind == "EnvoyProxy":
        containers = [("envoy", at(proxy_deployment(resource), "container") or {})]
    if resource.kind == "ClusterStorageContainer":
        containers = [("container", resource.at("spec", "container") or {})]
    for name, container in containers:
        missing = [
            f"{part}.{kind}"
            for part in ("requests", "limits")
            for kind in ("cpu", "memory")
            if not is_set(at(container, "resources", part, kind))
        ]
        if missing:
            yield Problem(name, f"lacks {', '.join(missing)}")


@rule(
    "probes",
    Area.PODS,
    Severity.MEDIUM,
    "Servers have readiness and liveness probes",
    remedy="set readinessProbe and livenessProbe",
    types=("kubernetes:apps/v1:*", "kubernetes:serving.kserve.io/*:*"),
)
def probes(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Containers that do not run to completion."""
    found = pod(resource)
    for name, container, answers in found.containers() if found else ():
        missing = [probe for probe in ("readinessProbe", "livenessProbe") if not is_set(container.get(probe))]
        if answers and missing:
            yield Problem(name, f"lacks {', '.join(missing)}")


@rule(
    "tokens-only-where-needed",
    Area.IDENTITY,
    Severity.HIGH,
    "Only pods that use the Kubernetes API have a token for it",
    remedy="set automountServiceAccountToken to false, or bind a role to the pod's ServiceAccount",
    types=("kubernetes:apps/v1:*", "kubernetes:batch/v1:*", "kubernetes:core/v1:Pod"),
)
def tokens_only_where_needed(resource: Resource, stack: Stack) -> Iterator[str]:
    """A pod needs a token when a role is bound to its ServiceAccount."""
    found = pod(resource)
    if found is None or found.spec.get("automountServiceAccountToken") is False:
        return
    account, namespace = found.spec.get("serviceAccountName"), resource.at("metadata", "namespace")
    if account is UNKNOWN:  # in the first preview of a cluster; a later preview checks it
        return
    for binding in stack.of("kubernetes:rbac.authorization.k8s.io/v1:*Binding"):
        for subject in binding.at("subjects") or []:
            place = at(subject, "namespace") or binding.at("metadata", "namespace")
            if (at(subject, "kind"), at(subject, "name"), place) == ("ServiceAccount", account, namespace):
                return
    yield f"has a token, although no role is bound to ServiceAccount {account}"


@rule(
    "accounts-of-their-own",
    Area.IDENTITY,
    Severity.MEDIUM,
    "Pods have their own ServiceAccount",
    remedy="set serviceAccountName",
    types=("kubernetes:apps/v1:*", "kubernetes:batch/v1:*", "kubernetes:core/v1:Pod"),
)
def accounts_of_their_own(resource: Resource, _stack: Stack) -> Iterator[str]:
    """All pods of a namespace can use the ServiceAccount `default`."""
    found = pod(resource)
    if found is not None and found.spec.get("serviceAccountName", "default") == "default":
        yield "runs as the ServiceAccount default"


@rule(
    "accounts-give-no-token-unasked",
    Area.IDENTITY,
    Severity.MEDIUM,
    "ServiceAccounts without a role do not mount a token by default",
    remedy="set automountServiceAccountToken to false on the ServiceAccount",
    types=("kubernetes:core/v1:ServiceAccount",),
)
def accounts_give_no_token_unasked(resource: Resource, stack: Stack) -> Iterator[str]:
    """Default of pods that do not set automountServiceAccountToken."""
    if resource.at("automountServiceAccountToken") in {False, UNKNOWN}:
        return
    me = (resource.at("metadata", "name"), resource.at("metadata", "namespace"))
    for binding in stack.of("kubernetes:rbac.authorization.k8s.io/v1:*Binding"):
        for subject in binding.at("subjects") or []:
            if (at(subject, "name"), at(subject, "namespace") or binding.at("metadata", "namespace")) == me:
                return
    yield "automountServiceAccountToken is not false, and no role is bound to it"


@rule(
    "gpus-in-limits",
    Area.PODS,
    Severity.MEDIUM,
    "Pods with GPUs tolerate the taint of GPU nodes",
    remedy="tolerate nvidia.com/gpu, and request as many GPUs as the limit",
    types=WORKLOADS,
)
def gpus_in_limits(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """GPU nodes have a taint that keeps other pods away."""
    found = pod(resource)
    for name, container, _ in found.containers() if found else ():
        wanted = at(container, "resources", "limits", "nvidia.com/gpu")
        keys = {toleration.get("key") for toleration in (found.spec.get("tolerations") or [])} if found else set()
        if wanted and not keys & {"nvidia.com/gpu", None}:
            yield Problem(name, f"requests {wanted} GPUs without a toleration")


@rule(
    "jobs-clean-up",
    Area.PODS,
    Severity.LOW,
    "Scheduled jobs keep few finished pods",
    remedy="set successfulJobsHistoryLimit and failedJobsHistoryLimit to 3 or less, and a deadline",
    types=("kubernetes:batch/v1:CronJob",),
)
def jobs_clean_up(resource: Resource, _stack: Stack) -> Iterator[str]:
    """CronJobs."""
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        value = resource.at("spec", key)
        if value is None or value > 3:
            yield f"{key} is {value}"
    spec = resource.at("spec", "jobTemplate", "spec")
    if not is_set(at(spec, "activeDeadlineSeconds")):
        yield "no activeDeadlineSeconds: a job that hangs blocks all later jobs"
