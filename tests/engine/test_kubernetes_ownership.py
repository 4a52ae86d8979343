"""Test ownership of objects and fields: conflicts, adoption, imports, patches."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Stack, at, settings_program


def test_a_controllers_field_is_a_conflict_that_names_it(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(settings_program(stack, namespace, {"a": "1"}))
    plane.put(
        at(namespace, "settings"),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"theirs": "x"}},
        manager="some-controller",
    )
    said = stack.failure(settings_program(stack, namespace, {"a": "1", "theirs": "mine"}))
    assert 'conflict with "some-controller": .data.theirs' in said
    assert (plane.get(at(namespace, "settings")) or {})["data"]["theirs"] == "x"
    force = {"annotations": {"pulumi.com/patchForce": "true"}}
    stack.up(settings_program(stack, namespace, {"a": "1", "theirs": "mine"}, metadata=force))
    assert (plane.get(at(namespace, "settings")) or {})["data"]["theirs"] == "mine"


def test_an_object_of_somebody_else_is_not_taken(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "theirs"}}
    plane.put(at(namespace, "settings"), theirs, manager="helm")
    said = stack.failure(settings_program(stack, namespace, {"a": "1"}))
    assert 'conflict with "helm": .data.a' in said
    assert (plane.get(at(namespace, "settings")) or {})["data"] == {"a": "theirs"}


def test_get_reads_an_object_of_somebody_else(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}}
    plane.put(at(namespace, "theirs"), theirs, manager="helm")

    def run() -> None:
        opts = pulumi.ResourceOptions(provider=stack.provider())
        pulumi.export("data", k8s.core.v1.ConfigMap.get("theirs", f"{namespace}/theirs", opts).data)

    assert stack.up(run).outputs["data"] == {"a": "1"}
    stack.destroy()
    assert plane.get(at(namespace, "theirs")), "an object that was only read must not be deleted"


def test_a_patch_changes_and_gives_up_its_fields_only(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}}
    plane.put(at(namespace, "theirs"), theirs, manager="helm")

    def run() -> None:
        k8s.core.v1.ConfigMapPatch(
            "patch",
            metadata={"name": "theirs", "namespace": namespace},
            data={"b": "2"},
            opts=pulumi.ResourceOptions(provider=stack.provider()),
        )

    stack.up(run)
    assert (plane.get(at(namespace, "theirs")) or {})["data"] == {"a": "1", "b": "2"}
    stack.destroy()
    assert (plane.get(at(namespace, "theirs")) or {})["data"] == {"a": "1"}


def test_import_by_namespace_and_name(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
    made = plane.put(at(namespace, "settings"), theirs, manager="kubectl")

    def run() -> None:
        k8s.core.v1.ConfigMap(
            "settings",
            metadata={"name": "settings", "namespace": namespace},
            data={"a": "1"},
            opts=pulumi.ResourceOptions(provider=stack.provider(), import_=f"{namespace}/settings"),
        )

    stack.up(run)
    assert stack.resources()["settings"]["outputs"]["metadata"]["uid"] == made["metadata"]["uid"]
    assert stack.up(settings_program(stack, namespace, {"a": "2"})).operations() == {"settings": "update"}
    assert (plane.get(at(namespace, "settings")) or {})["data"] == {"a": "2"}


def test_a_field_set_by_another_manager_survives_an_update(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(settings_program(stack, namespace, {"a": "1"}))
    plane.merge(at(namespace, "settings"), {"data": {"theirs": "x"}}, manager="controller")
    stack.up(settings_program(stack, namespace, {"a": "2"}))
    live = plane.get(at(namespace, "settings"))
    assert live and live["data"] == {"a": "2", "theirs": "x"}
