"""When everything that is not a workload is ready. Pure."""

from __future__ import annotations

from collections.abc import Callable

from local.plugins.kubernetes.client import Object
from local.plugins.kubernetes.names import namespaced
from local.plugins.kubernetes.waiting.conditions import condition, explained
from local.plugins.kubernetes.waiting.verdict import READY, Verdict, failed, waiting
from local.plugins.kubernetes.waiting.workloads import daemon_set, deployment, job, pod, replica_set, stateful_set

Check = Callable[[Object], Verdict]
GENERIC = ("Ready", "Available")
"""Conditions that mean readiness in any custom resource that has them."""


def namespace(obj: Object) -> Verdict:
    """Ready when it is active."""
    phase = (obj.get("status") or {}).get("phase")
    return READY if phase == "Active" else waiting(f"the namespace is {phase or 'new'}")


def volume(obj: Object) -> Verdict:
    """Ready when bound or free to be."""
    phase = (obj.get("status") or {}).get("phase", "Pending")
    if phase == "Failed":
        return failed(f"the volume failed: {(obj.get('status') or {}).get('message', '')}")
    return READY if phase in {"Available", "Bound"} else waiting(f"the volume is {phase}")


def claim(obj: Object) -> Verdict:
    """Ready when bound."""
    phase = (obj.get("status") or {}).get("phase", "Pending")
    return READY if phase == "Bound" else waiting(f"the claim is {phase}")


def definition(obj: Object) -> Verdict:
    """Ready when a custom resource definition is served under the names it asks for."""
    names = condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return failed(f"its names are taken: {explained(names)}")
    established = condition(obj, "Established")
    return READY if established.get("status") == "True" else waiting("the definition is not established yet")


def api_service(obj: Object) -> Verdict:
    """Ready when the aggregated API answers."""
    available = condition(obj, "Available")
    return READY if available.get("status") == "True" else waiting(explained(available) if available else "no status")


def custom(obj: Object) -> Verdict:
    """Ready unless it says itself, by a Ready or Available condition, that it is not."""
    for type_ in GENERIC:
        entry = condition(obj, type_)
        seen = entry.get("observedGeneration") or (obj.get("status") or {}).get("observedGeneration")
        if entry and isinstance(seen, int) and seen < obj["metadata"].get("generation", 0):
            return waiting("the controller has not seen the newest spec yet")
        if entry and entry.get("status") != "True":
            return waiting(explained(entry))
    return READY


def nothing(obj: Object) -> Verdict:
    """Ready as soon as it exists."""
    return READY


CHECKS: dict[tuple[str, str], Check] = {
    ("apps/v1", "Deployment"): deployment,
    ("apps/v1", "ReplicaSet"): replica_set,
    ("apps/v1", "StatefulSet"): stateful_set,
    ("apps/v1", "DaemonSet"): daemon_set,
    ("batch/v1", "Job"): job,
    ("v1", "Pod"): pod,
    ("v1", "Namespace"): namespace,
    ("v1", "PersistentVolume"): volume,
    ("v1", "PersistentVolumeClaim"): claim,
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): definition,
    ("apiregistration.k8s.io/v1", "APIService"): api_service,
}


def check_of(api_version: str, kind: str) -> Check:
    """Return how to tell that such an object is ready."""
    if (found := CHECKS.get((api_version, kind))) is not None:
        return found
    return custom if namespaced(api_version, kind) is None else nothing
