"""Test bundles of custom resource definitions: applied, established, small in the state, kept on delete."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
import yaml
from pulumi import automation as auto

from components.kubernetes.crds import CrdBundle, CrdBundleArgs
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Program, Stack

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(group: str, kind: str, *extra: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    fields = {name: {"type": "string"} for name in ("size", *extra)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {
                                        **fields,
                                        "fixed": {
                                            "type": "string",
                                            "x-kubernetes-validations": [
                                                {"rule": "self == oldSelf", "message": "Value is immutable"}
                                            ],
                                        },
                                    },
                                },
                                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                            },
                        }
                    },
                }
            ],
        },
    }


def write(path: Path, *definitions: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump_all(definitions))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def bundle(stack: Stack, path: Path, version: str, sha256: str, delete: bool = False) -> CrdBundle:
    return CrdBundle(
        "crds",
        CrdBundleArgs(version=version, sha256=sha256, path=str(path), kubeconfig=stack.kubeconfig, delete_crds=delete),
    )


def only(stack: Stack, path: Path, version: str, sha256: str, delete: bool = False) -> Program:
    return lambda: bundle(stack, path, version, sha256, delete)


@pytest.fixture
def group(namespace: str) -> str:
    return f"{namespace[-30:].strip('-')}.example.org"


def test_apply_upgrade_keep(stack: Stack, plane: ControlPlane, group: str, tmp_path: Path) -> None:
    path = tmp_path / "crds.yaml"
    first = write(path, *(definition(group, f"Kind{index}") for index in range(12)))
    stack.up(only(stack, path, "1.0.0", first))
    live = plane.get(f"{CRDS}/kind0s.{group}")
    assert live and any(c["type"] == "Established" and c["status"] == "True" for c in live["status"]["conditions"])
    entry = stack.resources()["crds"]
    assert len(str(entry)) < 6000, "a bundle is small in the state, its provider included"
    assert "client-key" not in stack.raw_state()
    assert stack.up(only(stack, path, "1.0.0", first)).operations() == {}

    second = write(path, *(definition(group, f"Kind{index}", "colour") for index in range(12)))
    shown = stack.preview(only(stack, path, "1.1.0", second), diff=True)
    assert shown.operations() == {"crds": "update"}
    assert '"1.0.0" => "1.1.0"' in shown.text
    stack.up(only(stack, path, "1.1.0", second))
    schema = (plane.get(f"{CRDS}/kind11s.{group}") or {})["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "colour" in schema["properties"]["spec"]["properties"]

    kept = {"apiVersion": f"{group}/v1", "kind": "Kind0", "metadata": {"name": "kept"}, "spec": {"size": "1"}}
    plane.put(f"/apis/{group}/v1/namespaces/default/kind0s/kept", kept)
    stack.destroy()
    assert plane.get(f"{CRDS}/kind0s.{group}"), "a definition goes with its objects: one that has some stays"
    assert plane.get(f"/apis/{group}/v1/namespaces/default/kind0s/kept")
    assert plane.get(f"{CRDS}/kind1s.{group}") is None


def test_delete_when_told(stack: Stack, plane: ControlPlane, group: str, tmp_path: Path) -> None:
    path = tmp_path / "crds.yaml"
    digest = write(path, definition(group, "Widget"))
    stack.up(only(stack, path, "1", digest, delete=True))
    stack.destroy()
    assert plane.get(f"{CRDS}/widgets.{group}") is None


def test_a_digest_that_does_not_match_is_refused(stack: Stack, plane: ControlPlane, group: str, tmp_path: Path) -> None:
    path = tmp_path / "crds.yaml"
    digest = write(path, definition(group, "Widget"))
    said = stack.failure(only(stack, path, "1", "0" * 64))
    assert digest in said
    assert "0" * 64 in said
    assert plane.get(f"{CRDS}/widgets.{group}") is None


def test_a_lost_definition_is_drift(stack: Stack, plane: ControlPlane, group: str, tmp_path: Path) -> None:
    path = tmp_path / "crds.yaml"
    digest = write(path, definition(group, "Widget"), definition(group, "Gadget"))
    wanted = only(stack, path, "1", digest)
    stack.up(wanted)
    plane.delete(f"{CRDS}/gadgets.{group}")
    stack.refresh(wanted)
    assert stack.up(wanted).operations() == {"crds": "update"}
    assert plane.get(f"{CRDS}/gadgets.{group}")
    stack.refresh(wanted)
    assert stack.up(wanted).operations() == {}


def test_a_lost_definition_comes_back_without_a_refresh(
    stack: Stack, plane: ControlPlane, group: str, tmp_path: Path
) -> None:
    """As after `mlp cluster reset`: the state contains a bundle that the cluster lacks."""
    path = tmp_path / "crds.yaml"
    digest = write(path, definition(group, "Widget"), definition(group, "Gadget"))
    wanted = only(stack, path, "1", digest)
    stack.up(wanted)
    for name in ("widgets", "gadgets"):
        plane.delete(f"{CRDS}/{name}.{group}")
    assert stack.up(wanted).operations() == {"crds": "update"}
    for name in ("widgets", "gadgets"):
        assert plane.get(f"{CRDS}/{name}.{group}")
    assert stack.up(wanted).operations() == {}


def test_objects_of_a_new_kind_in_the_same_up(
    stack: Stack, plane: ControlPlane, namespace: str, group: str, tmp_path: Path
) -> None:
    path = tmp_path / "crds.yaml"
    digest = write(path, definition(group, "Widget"))

    def run(fixed: str = "a", size: str = "1") -> Program:
        def declare() -> None:
            crds = bundle(stack, path, "1", digest)
            k8s.apiextensions.CustomResource(
                "widget",
                api_version=f"{group}/v1",
                kind="Widget",
                metadata={"name": "widget", "namespace": namespace},
                spec={"size": size, "fixed": fixed},
                opts=pulumi.ResourceOptions(
                    provider=stack.provider(), depends_on=[crds], custom_timeouts=pulumi.CustomTimeouts(update="4s")
                ),
            )

        return declare

    at = f"/apis/{group}/v1/namespaces/{namespace}/widgets/widget"
    stack.preview(run())
    stack.up(run())
    uid = (plane.get(at) or {})["metadata"]["uid"]
    assert stack.up(run(size="2")).operations() == {"widget": "update"}
    with pytest.raises(auto.CommandError, match="Value is immutable"):
        stack.preview(run(fixed="b", size="2"))  # the CRD's rule is checked before anything changes
    assert (plane.get(at) or {})["metadata"]["uid"] == uid
