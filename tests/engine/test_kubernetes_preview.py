"""Test that previews show what an `up` will do, and work without a cluster, a namespace or a CRD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from typing_extensions import override

from tests.engine.control_plane import ControlPlane, free_port
from tests.engine.stacks import Program, Stack, config_map


def several(stack: Stack, namespace: str) -> Program:
    def run() -> None:
        provider = stack.provider()
        config_map("settings", {"a": "1"}, namespace, provider)
        k8s.apiextensions.CustomResource(
            "unknown",
            api_version="example.org/v1",
            kind="Widget",
            metadata={"name": "widget", "namespace": namespace},
            spec={"size": 1},
            opts=pulumi.ResourceOptions(provider=provider),
        )
        config_map("elsewhere", {"a": "1"}, "no-such-namespace", provider)

    return run


def test_unreachable_cluster(new_stack: Callable[..., Stack], plane: ControlPlane, namespace: str) -> None:
    kubeconfig = plane.kubeconfig.read_text().replace(plane.url, f"https://127.0.0.1:{free_port()}")
    stack = new_stack("unreachable", kubeconfig=kubeconfig)
    shown = stack.preview(several(stack, namespace))
    assert shown.changes["create"] >= 3


def test_absent_kubeconfig(new_stack: Callable[..., Stack], namespace: str) -> None:
    stack = new_stack("absent", kubeconfig="/nonexistent/kubeconfig")
    shown = stack.preview(several(stack, namespace))
    assert shown.changes["create"] >= 3
    said = stack.failure(several(stack, namespace))
    assert "configured Kubernetes cluster is unreachable" in said


def test_unknown_namespace_and_kind(stack: Stack, namespace: str) -> None:
    shown = stack.preview(several(stack, namespace))
    assert shown.changes["create"] >= 3


def test_unknown_kubeconfig(stack: Stack, namespace: str) -> None:
    """The same program creates the cluster, so the first preview does not know the kubeconfig."""

    class Later(pulumi.dynamic.ResourceProvider):
        @override
        def create(self, props: dict[str, Any]) -> pulumi.dynamic.CreateResult:
            return pulumi.dynamic.CreateResult("later", {**props, "kubeconfig": props["given"]})

    class Cluster(pulumi.dynamic.Resource):
        kubeconfig: pulumi.Output[str]

        def __init__(self, given: str) -> None:
            super().__init__(Later(), "later", {"given": given, "kubeconfig": None})

    def run() -> None:
        made = Cluster(stack.kubeconfig)
        provider = stack.provider(kubeconfig=made.kubeconfig)
        config_map("settings", {"a": "1"}, namespace, provider)

    shown = stack.preview(run)
    assert shown.operations()["settings"] == "create"
    assert stack.up(run).operations()["settings"] == "create"
    assert stack.preview(run).operations() == {}


def test_the_server_refuses_in_the_preview_already(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.core.v1.Service(
            "wrong",
            metadata={"name": "wrong", "namespace": namespace},
            spec={"ports": [{"port": 99999}]},
            opts=pulumi.ResourceOptions(provider=stack.provider()),
        )

    with pytest.raises(Exception, match=r"spec\.ports\[0\]\.port"):
        stack.preview(run)
    assert plane.get(f"/api/v1/namespaces/{namespace}/services/wrong") is None


def test_a_preview_changes_nothing(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.preview(lambda: config_map("settings", {"a": "1"}, namespace, stack.provider()))
    assert plane.get(f"/api/v1/namespaces/{namespace}/configmaps/settings") is None


def test_first_preview_equals_the_up(stack: Stack, namespace: str) -> None:
    def run() -> None:
        provider = stack.provider()
        config_map("one", {"a": "1"}, namespace, provider)
        config_map("two", {"a": "1"}, namespace, provider)

    shown = stack.preview(run).operations()
    assert stack.up(run).operations() == shown


def test_path_content_and_context(new_stack: Callable[..., Stack], plane: ControlPlane, namespace: str) -> None:
    by_path = new_stack("path", kubeconfig=str(plane.kubeconfig))
    by_path.up(lambda: config_map("by-path", {}, namespace, by_path.provider(context="test")))
    assert plane.get(f"/api/v1/namespaces/{namespace}/configmaps/by-path")
    said = by_path.failure(lambda: config_map("b", {}, namespace, by_path.provider(context="other")))
    assert 'context "other" does not exist' in said


def test_default_namespace_of_the_provider(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def run() -> None:
        k8s.core.v1.ConfigMap(
            "settings",
            metadata={"name": "settings"},
            opts=pulumi.ResourceOptions(provider=stack.provider(namespace=namespace)),
        )

    stack.up(run)
    assert stack.resources()["settings"]["id"] == f"{namespace}/settings"
    assert plane.get(f"/api/v1/namespaces/{namespace}/configmaps/settings")


def test_cluster_identifier_keeps_the_provider(
    new_stack: Callable[..., Stack], plane: ControlPlane, namespace: str
) -> None:
    stack = new_stack("identifier")

    def wanted(kubeconfig: str, **settings: str) -> Program:
        return lambda: config_map("it", {}, namespace, stack.provider(kubeconfig=kubeconfig, **settings))

    stack.up(wanted(stack.kubeconfig, cluster_identifier="one"))
    moved = stack.kubeconfig.replace("127.0.0.1", "localhost")
    assert "replace" not in str(stack.preview(wanted(moved, cluster_identifier="one")).changes)
    assert "replace" in str(stack.preview(wanted(moved, cluster_identifier="two")).changes)
