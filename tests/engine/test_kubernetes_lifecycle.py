"""Test create, update, replace, delete and refresh against a real API server with the real engine."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation as auto

from components.kubernetes.provider import FIELD_MANAGER
from infra.state.carry_over import FORCE
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Program, Stack, at, settings_program


def test_create_update_delete(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    first = stack.up(settings_program(stack, namespace, {"a": "1", "b": "2"}))
    assert first.operations()["settings"] == "create"
    live = plane.get(at(namespace, "settings"))
    assert live and live["data"] == {"a": "1", "b": "2"}
    uid = live["metadata"]["uid"]

    again = stack.up(settings_program(stack, namespace, {"a": "1", "b": "2"}))
    assert again.operations() == {}

    shown = stack.preview(settings_program(stack, namespace, {"a": "9", "c": "3"}))
    assert shown.diff("settings") == {"data.a": "update", "data.b": "delete", "data.c": "add"}

    changed = stack.up(settings_program(stack, namespace, {"a": "9", "c": "3"}))
    assert changed.operations() == {"settings": "update"}
    live = plane.get(at(namespace, "settings"))
    assert live and live["data"] == {"a": "9", "c": "3"}
    assert live["metadata"]["uid"] == uid

    stack.destroy()
    assert plane.get(at(namespace, "settings")) is None
    assert stack.resources() == {}


def test_the_state_names_the_platform_as_the_fields_manager(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(settings_program(stack, namespace, {"a": "1"}))
    entry = stack.resources()["settings"]
    assert entry["type"] == "kubernetes:core/v1:ConfigMap"
    assert entry["id"] == f"{namespace}/settings"
    assert entry["outputs"]["__fieldManager"] == FIELD_MANAGER
    live = plane.get(at(namespace, "settings")) or {}
    assert [owner["manager"] for owner in live["metadata"]["managedFields"]] == [FIELD_MANAGER]


def test_rename_replaces(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(settings_program(stack, namespace, {"a": "1"}, named="one"))
    stack.up(settings_program(stack, namespace, {"a": "1"}, named="two"))
    assert plane.get(at(namespace, "one")) is None
    assert plane.get(at(namespace, "two"))


@pytest.mark.parametrize("case", ["role", "job", "claim", "service", "secret", "deployment"])
def test_immutable_field_replaces_and_another_does_not(
    stack: Stack, plane: ControlPlane, namespace: str, case: str
) -> None:
    # Ready at once, but its deletion must be awaited; `skipAwait` would skip both.
    ready = {"pulumi.com/waitFor": "jsonpath={.metadata.name}"}

    def metadata(**labels: str) -> Any:
        return {"name": "it", "namespace": namespace, "annotations": ready, "labels": labels}

    def pod(image: str, label: str = "it") -> Any:
        return {
            "metadata": {"labels": {"app": label}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]},
        }

    def declare(step: int, opts: pulumi.ResourceOptions) -> None:
        label = {"step": "1" if step == 1 else "2"}
        moved = step == 3
        if case == "role":
            k8s.rbac.v1.RoleBinding(
                "it",
                metadata=metadata(**label),
                role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": "b" if moved else "a"},
                opts=opts,
            )
        elif case == "job":
            k8s.batch.v1.Job("it", metadata=metadata(**label), spec={"template": pod("b" if moved else "a")}, opts=opts)
        elif case == "claim":
            k8s.core.v1.PersistentVolumeClaim(
                "it",
                metadata=metadata(**label),
                spec={
                    "access_modes": ["ReadWriteMany" if moved else "ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
                opts=opts,
            )
        elif case == "service":
            address: Any = {"selector": {"app": "it"}, "ports": [{"port": 80}]}
            if moved:
                address["cluster_ip"] = "None"
            k8s.core.v1.Service(
                "it",
                metadata=metadata(**label),
                spec=address,
                opts=opts,
            )
        elif case == "secret":
            k8s.core.v1.Secret(
                "it", metadata=metadata(**label), type="example.org/b" if moved else "example.org/a", opts=opts
            )
        else:
            name = "other" if moved else "it"
            template = pod("a", name)
            template["spec"] = {"containers": [{"name": "main", "image": "a"}]}
            k8s.apps.v1.Deployment(
                "it",
                metadata=metadata(**label),
                spec={"selector": {"match_labels": {"app": name}}, "template": template, "replicas": 0},
                opts=opts,
            )

    def at_step(step: int) -> Program:
        return lambda: declare(step, pulumi.ResourceOptions(provider=stack.provider()))

    stack.up(at_step(1))
    before = stack.resources()["it"]["outputs"]["metadata"]["uid"]
    assert stack.up(at_step(2)).operations() == {"it": "update"}
    assert stack.resources()["it"]["outputs"]["metadata"]["uid"] == before
    assert "replace" in stack.up(at_step(3)).operations()["it"]
    assert stack.resources()["it"]["outputs"]["metadata"]["uid"] != before
    assert stack.up(at_step(3)).operations() == {}


def test_refresh_sees_drift_and_up_takes_it_back(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    wanted = settings_program(stack, namespace, {"a": "1", "b": "2"}, metadata={"labels": {"team": "one"}})
    stack.up(wanted)
    plane.merge(
        at(namespace, "settings"), {"data": {"a": "drifted", "b": None}, "metadata": {"labels": {"team": "two"}}}
    )
    assert stack.up(wanted).operations() == {}  # without a refresh the drift is not seen
    stack.refresh(wanted)
    assert stack.resources()["settings"]["inputs"]["data"] == {"a": "drifted"}
    with pytest.raises(auto.CommandError, match='conflicts with "kubectl-edit"'):
        stack.preview(wanted)  # a dry run keeps fields that users set; an update takes them over
    forcing = Stack(stack.folder, stack.kubeconfig, environment={FORCE: "true"})
    assert forcing.preview(wanted).diff("settings") == {
        "data.a": "update",
        "data.b": "add",
        "metadata.labels.team": "update",
    }
    stack.up(wanted)
    live = plane.get(at(namespace, "settings"))
    assert live and live["data"] == {"a": "1", "b": "2"}
    assert live["metadata"]["labels"] == {"team": "one"}


def test_refresh_without_drift_changes_nothing(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    """Defaults and other spellings of the server are not drift."""

    def run() -> None:
        opts = pulumi.ResourceOptions(provider=stack.provider())
        skip = {"pulumi.com/skipAwait": "true"}
        k8s.apps.v1.Deployment(
            "app",
            metadata={"name": "app", "namespace": namespace, "annotations": skip},
            spec={
                "replicas": 1,
                "selector": {"match_labels": {"app": "app"}},
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "main",
                                "image": "app",
                                "ports": [{"container_port": 80}],
                                "env": [{"name": "A", "value": ""}],
                                "resources": {"requests": {"cpu": "1000m", "memory": "0.5Gi"}},
                            }
                        ]
                    },
                },
            },
            opts=opts,
        )
        k8s.core.v1.Secret("secret", metadata={"name": "s", "namespace": namespace}, string_data={"k": "v"}, opts=opts)
        k8s.core.v1.Service(
            "service",
            metadata={"name": "app", "namespace": namespace, "annotations": skip},
            spec={"selector": {"app": "app"}, "ports": [{"port": 80}]},
            opts=opts,
        )

    stack.up(run)
    before = {name: entry["inputs"] for name, entry in stack.resources().items()}
    stack.refresh(run)
    assert {name: entry["inputs"] for name, entry in stack.resources().items()} == before
    assert stack.up(run).operations() == {}


def test_refresh_sees_deletion_and_up_makes_it_again(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    wanted = settings_program(stack, namespace, {"a": "1"})
    stack.up(wanted)
    plane.delete(at(namespace, "settings"))
    stack.refresh(wanted)
    assert "settings" not in stack.resources()
    assert stack.up(wanted).operations() == {"settings": "create"}
    assert plane.get(at(namespace, "settings"))
