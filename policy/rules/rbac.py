"""Rules on least privilege in Kubernetes: roles and bindings."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Area, Problem, Resource, Severity, Stack, at, rule
from policy.reading import entries

ROLES = ("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "kubernetes:rbac.authorization.k8s.io/v1:Role")
BINDINGS = (
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
)


@rule(
    "roles-name-what-they-grant",
    Area.IDENTITY,
    Severity.HIGH,
    "Kubernetes roles list groups, resources and verbs",
    remedy="list the resources that the application reads and writes",
    types=ROLES,
)
def roles_name_what_they_grant(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """No `*` in a rule."""
    for number, item in enumerate(entries(resource.at("rules"))):
        for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            if "*" in entries(at(item, key)):
                resources = ", ".join(entries(at(item, "resources")))
                yield Problem(f"rules.{number}", f"{key} contains * (resources {resources})")


ESCALATING = {"escalate", "bind", "impersonate"}


@rule(
    "roles-cannot-grow",
    Area.IDENTITY,
    Severity.HIGH,
    "No Kubernetes role lets its holder gain permissions",
    remedy="remove the verbs escalate, bind and impersonate",
    types=ROLES,
)
def roles_cannot_grow(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Verbs with which a holder becomes an administrator."""
    for number, item in enumerate(entries(resource.at("rules"))):
        if found := ESCALATING & set(entries(at(item, "verbs"))):
            yield Problem(f"rules.{number}", f"has {', '.join(sorted(found))}")


@rule(
    "no-cluster-admins",
    Area.IDENTITY,
    Severity.CRITICAL,
    "No binding grants administrator rights or binds a shared or anonymous subject",
    remedy="bind a role with the permissions of the application, to its own ServiceAccount",
    types=BINDINGS,
)
def no_cluster_admins(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Bindings."""
    if resource.at("roleRef", "name") in {"cluster-admin", "admin"}:
        yield f"binds role {resource.at('roleRef', 'name')}"
    for subject in entries(resource.at("subjects")):
        name = at(subject, "name")
        if name in {"system:anonymous", "system:unauthenticated", "system:authenticated", "system:masters"}:
            yield f"binds subject {name}"
        if at(subject, "kind") == "ServiceAccount" and name == "default":
            yield "binds the ServiceAccount default, which every pod of its namespace may use"
