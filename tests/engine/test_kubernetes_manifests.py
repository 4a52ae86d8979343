"""Test the provider's own components, whose registration of objects the build changes (kubernetes-provider/yaml)."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Stack

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: of-the-core-group, namespace: NAMESPACE}
data: {key: value}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: of-a-named-group, namespace: NAMESPACE}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: v1
kind: Secret
metadata: {name: secret, namespace: NAMESPACE}
stringData: {key: only-in-the-cluster}
"""


def test_a_manifests_objects_are_registered_made_and_removed(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.yaml.v2.ConfigGroup(
            "group",
            yaml=MANIFEST.replace("NAMESPACE", namespace),
            opts=pulumi.ResourceOptions(provider=stack.provider()),
        )

    stack.up(run)
    recorded = stack.auto.export_stack().deployment or {}
    types = {entry["type"] for entry in recorded["resources"]}
    assert {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
    } <= types
    assert "only-in-the-cluster" not in str(recorded)
    made = plane.get(f"/api/v1/namespaces/{namespace}/configmaps/of-the-core-group")
    assert made is not None
    assert made["data"] == {"key": "value"}
    assert set(stack.up(run).changes) == {"same"}
    stack.destroy()
    assert plane.get(f"/api/v1/namespaces/{namespace}/configmaps/of-the-core-group") is None
