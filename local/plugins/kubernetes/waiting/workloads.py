"""When workloads are ready. Pure: one look at an object's spec and status."""

from __future__ import annotations

from local.plugins.kubernetes.client import Object
from local.plugins.kubernetes.waiting.conditions import condition, observed
from local.plugins.kubernetes.waiting.verdict import READY, Verdict, failed, waiting


def deployment(obj: Object) -> Verdict:
    """Ready when every replica runs the newest template and is available, and no old one is left."""
    status, spec = obj.get("status") or {}, obj["spec"]
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    available, old = status.get("availableReplicas", 0), status.get("replicas", 0) - updated
    stuck, refused = condition(obj, "Progressing"), condition(obj, "ReplicaFailure")
    in_turn = (spec.get("strategy") or {}).get("type") != "Recreate"
    missing = [
        (not observed(obj), "the controller has not seen the newest spec yet"),
        (refused.get("status") == "True", f"its pods cannot be made: {refused.get('message', '')}"),
        (
            stuck.get("reason") == "ProgressDeadlineExceeded",
            f"no progress within its deadline: {stuck.get('message', '')}",
        ),
        (updated < wanted, f"{updated} of {wanted} replicas are of the newest template"),
        (in_turn and old > 0, f"{old} old replicas are still there"),
        (available < wanted, f"{available} of {wanted} replicas are available"),
    ]
    return next((waiting(reason) for wrong, reason in missing if wrong), READY)


def replica_set(obj: Object) -> Verdict:
    """Ready when every replica is available."""
    wanted, available = obj["spec"].get("replicas", 1), (obj.get("status") or {}).get("availableReplicas", 0)
    if not observed(obj) or available < wanted:
        return waiting(f"{available} of {wanted} replicas are available")
    return READY


def stateful_set(obj: Object) -> Verdict:
    """Ready when every replica (from the partition on) runs the newest revision and is ready."""
    status, spec = obj.get("status") or {}, obj["spec"]
    if not observed(obj):
        return waiting("the controller has not seen the newest spec yet")
    wanted, ready, updated = spec.get("replicas", 1), status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    strategy = spec.get("updateStrategy") or {}
    if ready < wanted:
        return waiting(f"{ready} of {wanted} replicas are ready")
    if strategy.get("type") == "OnDelete":
        return READY
    fresh = max(wanted - ((strategy.get("rollingUpdate") or {}).get("partition") or 0), 0)
    if status.get("currentRevision") != status.get("updateRevision") and updated < fresh:
        return waiting(f"{updated} of {fresh} replicas are of the newest revision")
    return READY


def daemon_set(obj: Object) -> Verdict:
    """Ready when every chosen node runs an available pod of the newest template."""
    status = obj.get("status") or {}
    if not observed(obj):
        return waiting("the controller has not seen the newest spec yet")
    wanted, available = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    updated = status.get("updatedNumberScheduled", 0)
    if (obj["spec"].get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        return waiting(f"{updated} of {wanted} nodes run the newest template")
    return READY if available >= wanted else waiting(f"{available} of {wanted} nodes have an available pod")


def job(obj: Object) -> Verdict:
    """Ready when it completed; failed when it gave up. A suspended one is as ready as it is meant to be."""
    gave_up = condition(obj, "Failed")
    if gave_up.get("status") == "True":
        return failed(f"the job failed: {gave_up.get('reason', '')}: {gave_up.get('message', '')}")
    if condition(obj, "Complete").get("status") == "True" or obj["spec"].get("suspend"):
        return READY
    status = obj.get("status") or {}
    done, tries = status.get("succeeded", 0), status.get("failed", 0)
    return waiting(f"{done} of {obj['spec'].get('completions', 1)} completions, {tries} failed tries")


def pod(obj: Object) -> Verdict:
    """Ready when its Ready condition holds or it ended well; failed when it ended badly for good."""
    status = obj.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        return failed(f"the pod failed: {status.get('reason', '')} {status.get('message', '')}".strip())
    ready = condition(obj, "Ready")
    if ready.get("status") == "True":
        return READY
    return waiting(f"the pod is {phase}: {ready.get('message') or condition(obj, 'PodScheduled').get('message', '')}")
