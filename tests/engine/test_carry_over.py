"""The real Kubernetes provider continues with a converted state of the stand-in and replaces nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.kubernetes.provider import FIELD_MANAGER
from infra.state.carry_over import environment
from infra.state.guards import check_state
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Program, Stack

MANAGER = "pulumi-kubernetes-5c2d9ab1"
"""Field manager of the stand-in, from the resource's URN."""

WORD = "pl4inly-visible"
SKIP = {"pulumi.com/skipAwait": "true"}
LABELS = {"app": "database"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
ONCE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}}
CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
STORAGE = {"resources": {"requests": {"storage": "1Gi"}}}

KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Secret": ("v1", "secrets"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "Job": ("batch/v1", "jobs"),
}


def objects(namespace: str, setting: str = "1") -> dict[str, dict[str, Any]]:
    """Return the declared objects, by kind."""
    fields: dict[str, dict[str, Any]] = {
        "ConfigMap": {"data": {"setting": setting}},
        "Secret": {"stringData": {"password": WORD}},
        "StatefulSet": {
            "spec": {
                "serviceName": "it",
                "replicas": 1,
                "selector": {"matchLabels": LABELS},
                "template": POD,
                "volumeClaimTemplates": [{**CLAIM, "spec": {**CLAIM["spec"], **STORAGE}}],
            }
        },
        "Job": {"spec": {"template": ONCE}},
    }
    metadata = {"name": "it", "namespace": namespace, "annotations": SKIP}
    return {
        kind: {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": dict(metadata), **parts}
        for kind, parts in fields.items()
    }


def path(namespace: str, kind: str) -> str:
    version, plural = KINDS[kind]
    return f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{namespace}/{plural}/it"


def program(stack: Stack, namespace: str, setting: str = "1") -> Program:
    def run() -> None:
        declared = objects(namespace, setting)
        opts = pulumi.ResourceOptions(provider=stack.provider())
        k8s.core.v1.ConfigMap("ConfigMap", opts=opts, **given(declared["ConfigMap"]))
        k8s.core.v1.Secret(
            "Secret",
            metadata=declared["Secret"]["metadata"],
            string_data={"password": pulumi.Output.secret(WORD)},
            opts=opts,
        )
        k8s.apps.v1.StatefulSet("StatefulSet", opts=opts, **given(declared["StatefulSet"]))
        k8s.batch.v1.Job("Job", opts=opts, **given(declared["Job"]))

    return run


def given(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}


def secret(value: object) -> dict[str, str]:
    """Return a secret for the import of a state; the engine encrypts it."""
    signature = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    return {**signature, "plaintext": json.dumps(value)}


@pytest.fixture
def recorded(stack: Stack, plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """Create the objects and the state that the stand-in would have created; return the exported deployment."""
    stack.up(stack.provider)
    exported = stack.auto.export_stack()
    deployment: dict[str, Any] = dict(exported.deployment or {})
    [provider] = [entry for entry in deployment["resources"] if entry["type"] == "pulumi:providers:kubernetes"]
    entries: list[dict[str, Any]] = []
    for kind, inputs in objects(namespace).items():
        live = plane.put(path(namespace, kind), inputs, manager=MANAGER)
        live["metadata"].pop("managedFields")
        if kind == "Secret":
            live["data"] = secret(live["data"])
            inputs["stringData"] = secret(inputs["stringData"])
        group = "core/v1" if inputs["apiVersion"] == "v1" else inputs["apiVersion"]
        type_ = f"kubernetes:{group}:{kind}"
        entries.append(
            {
                "urn": f"urn:pulumi:test::engine::{type_}::{kind}",
                "custom": True,
                "id": f"{namespace}/it",
                "type": type_,
                "inputs": inputs,
                "outputs": {**live, "__initialApiVersion": inputs["apiVersion"], "__fieldManager": MANAGER},
                "parent": provider["parent"],
                "provider": f"{provider['urn']}::{provider['id']}",
            }
        )
    deployment["resources"] = [*deployment["resources"], *entries]
    exported.deployment = deployment
    stack.auto.import_stack(exported)
    return dict(stack.auto.export_stack().deployment or {})


def take(stack: Stack, deployment: dict[str, Any]) -> None:
    exported = stack.auto.export_stack()
    exported.deployment = deployment
    stack.auto.import_stack(exported)


def uids(plane: ControlPlane, namespace: str) -> dict[str, str]:
    return {kind: (plane.get(path(namespace, kind)) or {})["metadata"]["uid"] for kind in KINDS}


def test_nothing_is_replaced_and_values_change(
    stack: Stack, plane: ControlPlane, namespace: str, recorded: dict[str, Any]
) -> None:
    made = uids(plane, namespace)
    preparation = check_state("up", recorded, "test", local=False)
    assert preparation.deployment
    take(stack, preparation.deployment)
    carrying = Stack(stack.folder, stack.kubeconfig, environment=preparation.environment)
    shown = carrying.preview(program(stack, namespace, "2"))
    assert set(shown.operations().values()) == {"update"}
    assert "data.setting" in shown.diff("ConfigMap")
    carrying.up(program(stack, namespace, "2"))
    assert uids(plane, namespace) == made
    assert (plane.get(path(namespace, "ConfigMap")) or {})["data"] == {"setting": "2"}
    after = dict(stack.auto.export_stack().deployment or {})
    assert environment(after) == {}, "the platform owns every field now"
    live = plane.get(path(namespace, "Secret")) or {}
    assert {owner["manager"] for owner in live["metadata"]["managedFields"]} == {FIELD_MANAGER}
    assert stack.up(program(stack, namespace, "2")).operations() == {}
    for text in (carrying.text(), stack.raw_state()):
        assert WORD not in text
        assert base64.b64encode(WORD.encode()).decode() not in text


def test_as_it_is_everything_would_be_replaced(stack: Stack, namespace: str, recorded: dict[str, Any]) -> None:
    """Shows that the test above can fail."""
    assert recorded["resources"]
    shown = stack.preview(program(stack, namespace))
    assert all("replace" in operation for operation in shown.operations().values()), shown.operations()


def test_without_force_a_changed_value_is_the_former_managers(
    stack: Stack, plane: ControlPlane, namespace: str, recorded: dict[str, Any]
) -> None:
    """Shows the purpose of the environment of the first update."""
    take(stack, check_state("up", recorded, "test", local=False).deployment or {})
    assert f'conflict with "{MANAGER}"' in stack.failure(program(stack, namespace, "2"))
    assert (plane.get(path(namespace, "ConfigMap")) or {})["data"] == {"setting": "1"}
