"""RBAC of Pipelines' namespace: upstream's roles without the rules of unused features, and the role of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.applications.pipelines import names
from components.kubernetes.transformations import Object

RBAC = "rbac.authorization.k8s.io"

UNUSED_GROUPS = frozenset(
    {
        # Needed only in multi-user mode.
        "authentication.k8s.io",
        "authorization.k8s.io",
        "pipelines.kubeflow.org",
        # No workflow of Pipelines has a disruption budget.
        "policy",
    }
)

UNUSED_RESOURCES = frozenset({"secrets"})
"""Argo reads Secrets only for artifact repositories, which are not used; database passwords are among them."""

SUBJECTS: Mapping[str, str] = {
    "ml-pipeline": names.API_SERVER,
    "ml-pipeline-persistenceagent-role": names.PERSISTENCE_AGENT,
    "ml-pipeline-scheduledworkflow-role": names.SCHEDULER,
    "argo-role": names.WORKFLOW_CONTROLLER,
}
"""ServiceAccount by upstream's role."""


def narrowed(role: Object) -> Object:
    """Return a role without the rules of unused features."""
    kept: list[Object] = []
    for rule in role["rules"]:
        groups = [group for group in rule["apiGroups"] if group not in UNUSED_GROUPS]
        resources = [resource for resource in rule["resources"] if resource not in UNUSED_RESOURCES]
        if groups and resources:
            kept.append({**rule, "apiGroups": groups, "resources": resources})
    return {**role, "rules": kept}


def runner_role(secrets: Sequence[str]) -> Object:
    """Return the role of a step: read its configuration, report its result, and create volumes.

    Args:
        secrets: Secrets that the launcher reads: the object store's keys, or empty with workload identity.
    """
    rules: list[Object] = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [names.LAUNCHER_CONFIG], "verbs": ["get"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["create", "get", "delete"]},
    ]
    if secrets:
        rules.append({"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(secrets), "verbs": ["get"]})
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": names.RUNNER}, "rules": rules}


def binding(role: str, account: str) -> Object:
    """Return the binding of a role to a ServiceAccount."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": names.NAMESPACE}],
    }


def objects(upstream: Sequence[Object], runner_secrets: Sequence[str]) -> list[Object]:
    """Return every role with its binding.

    Args:
        upstream: Rendered objects of Argo and Pipelines.
        runner_secrets: See `runner_role`.

    Raises:
        ValueError: Upstream's roles differ from the roles that this module binds.
    """
    roles = {item["metadata"]["name"]: narrowed(item) for item in upstream if item["kind"] == "Role"}
    if roles.keys() != SUBJECTS.keys():
        raise ValueError(f"roles of upstream are {sorted(roles)}; known are {sorted(SUBJECTS)}")
    return [
        *roles.values(),
        *(binding(role, account) for role, account in SUBJECTS.items()),
        runner_role(runner_secrets),
        binding(names.RUNNER, names.RUNNER),
    ]
