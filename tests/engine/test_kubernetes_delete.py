"""Test that deletion is awaited, and that the message names what blocks it."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s
import pytest

from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Stack

TIMEOUT = pulumi.CustomTimeouts(create="8s", update="8s", delete="8s")


def test_delete_waits_and_names_what_holds_the_object(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.core.v1.ConfigMap(
            "held",
            metadata={"name": "held", "namespace": namespace, "finalizers": ["example.org/hold"]},
            opts=pulumi.ResourceOptions(provider=stack.provider(), custom_timeouts=TIMEOUT),
        )

    stack.up(run)
    with pytest.raises(Exception, match=r"finalizers might be preventing deletion \(example\.org/hold\)"):
        stack.destroy()
    assert "held" in stack.resources()
    plane.merge(f"/api/v1/namespaces/{namespace}/configmaps/held", {"metadata": {"finalizers": None}})
    stack.destroy()
    assert stack.resources() == {}


def test_namespace_is_gone_after_destroy(stack: Stack, plane: ControlPlane) -> None:
    def run() -> None:
        provider = stack.provider()
        space = k8s.core.v1.Namespace(
            "space", metadata={"name": "short-lived"}, opts=pulumi.ResourceOptions(provider=provider)
        )
        k8s.core.v1.ConfigMap(
            "inside",
            metadata={"name": "inside", "namespace": space.metadata.name},
            opts=pulumi.ResourceOptions(provider=provider),
        )

    stack.up(run)
    stack.destroy()
    assert plane.get("/api/v1/namespaces/short-lived") is None
