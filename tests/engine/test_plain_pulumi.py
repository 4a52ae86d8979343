"""The life of a stack with the plain CLI, against a real API server; no command prints a warning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common import paths
from policy import environments
from tests.engine.control_plane import ControlPlane
from tests.engine.plain import Plain

PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

config = pulumi.Config()
provider = k8s.Provider("cluster", kubeconfig=config.require("kubeconfig"), enable_config_map_mutable=True)
options = pulumi.ResourceOptions(provider=provider)


class Pair(pulumi.ComponentResource):
    def __init__(self, name: str, namespace: str) -> None:
        super().__init__("small:index:Pair", name)
        for part in ("left", "right"):
            k8s.core.v1.ConfigMap(
                part,
                metadata={"name": part, "namespace": namespace, "annotations": {"pulumi.com/patchForce": "true"}},
                data={"value": config.get(part) or "first"},
                opts=pulumi.ResourceOptions(parent=self, provider=provider),
            )


namespace = config.require("namespace")
Pair("pair", namespace)
password = random.RandomPassword("password", length=16)
pulumi.export("namespace", namespace)
pulumi.export("password", password.result)
"""

ALL = {"pair", "left", "right", "password"}


@pytest.fixture
def plain(plane: ControlPlane, namespace: str, tmp_path: Path) -> Plain:
    project = Plain(tmp_path / "project")
    project.program(PROGRAM)
    project.well("stack", "init", "test")
    project.well("config", "set", "kubeconfig", str(plane.kubeconfig))
    project.well("config", "set", "namespace", namespace)
    return project


def test_a_stack_from_its_first_preview_to_its_end(plain: Plain, plane: ControlPlane, namespace: str) -> None:
    def value(part: str) -> str:
        return plane.http.get(f"/api/v1/namespaces/{namespace}/configmaps/{part}").json()["data"]["value"]

    assert plain.steps() == dict.fromkeys(ALL, "create")
    plain.well("up", "--yes", "--skip-preview")
    assert value("left") == "first"
    assert plain.steps() == {}
    assert "unchanged" in plain.well("up", "--yes")

    # A target: only one of two changes is made.
    plain.well("config", "set", "left", "second")
    plain.well("config", "set", "right", "second")
    assert plain.steps() == {"left": "update", "right": "update"}
    assert "second" in plain.well("preview", "--diff")
    plain.well("up", "--yes", "--skip-preview", "--target", plain.urn("left"))
    assert (value("left"), value("right")) == ("second", "first")

    # A plan: a change outside the plan is refused, a planned change is made.
    plain.well("preview", "--save-plan", "plan.json")
    plain.well("config", "set", "left", "third")
    assert "violates plan" in plain.badly("up", "--yes", "--skip-preview", "--plan", "plan.json")
    plain.well("config", "set", "left", "second")
    plain.well("up", "--yes", "--skip-preview", "--plan", "plan.json")
    assert (value("left"), value("right")) == ("second", "second")

    # Drift is found, recorded in the state, and corrected by the next update.
    path = f"/api/v1/namespaces/{namespace}/configmaps/left"
    headers = {"Content-Type": "application/merge-patch+json"}
    assert plane.http.patch(path, content=json.dumps({"data": {"value": "drifted"}}), headers=headers).is_success
    assert "1 updated" in plain.well("refresh", "--yes", "--skip-preview")
    assert plain.steps()["left"] == "update"
    plain.well("up", "--yes", "--skip-preview")
    assert value("left") == "second"

    outputs = json.loads(plain.well("stack", "output", "--json"))
    assert outputs == {"namespace": namespace, "password": "[secret]"}
    assert len(json.loads(plain.well("stack", "output", "--json", "--show-secrets"))["password"]) == 16

    plain.well("destroy", "--yes", "--skip-preview")
    assert plane.http.get(path).status_code == 404
    assert "0 resources" in plain.well("stack") or "No resources" in plain.well("stack")


def test_what_is_there_already_is_imported_and_what_is_recorded_is_forgotten(
    plain: Plain, plane: ControlPlane, namespace: str
) -> None:
    plain.well("up", "--yes", "--skip-preview")
    body = {"metadata": {"name": "found"}, "data": {"value": "theirs"}}
    assert plane.http.post(f"/api/v1/namespaces/{namespace}/configmaps", json=body).is_success
    plain.well(
        *("import", "kubernetes:core/v1:ConfigMap", "found", f"{namespace}/found", "--yes", "--skip-preview"),
        *("--protect=false", "--provider", f"cluster={plain.urn('cluster')}"),
    )
    urn = plain.urn("found")
    plain.well("state", "delete", urn, "--yes")
    assert urn not in plain.well("stack", "export")
    assert plane.http.get(f"/api/v1/namespaces/{namespace}/configmaps/found").is_success

    saved = plain.folder / "state.json"
    plain.well("stack", "export", "--file", str(saved))
    plain.well("stack", "import", "--file", str(saved))
    assert plain.steps() == {}
    plain.well("destroy", "--yes", "--skip-preview")


NAMESPACE = """
import pulumi
import pulumi_kubernetes as k8s

level = pulumi.Config().require("level")
k8s.core.v1.Namespace(
    "models",
    metadata={"name": "models", "labels": {"pod-security.kubernetes.io/enforce": level}},
    opts=pulumi.ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=pulumi.Config().require("kubeconfig"))),
)
"""


def test_the_policy_pack_judges_what_is_planned(plain: Plain) -> None:
    environments.ensure_policy_pack()
    plain.program(NAMESPACE)
    pack = str(paths.ROOT / "policy" / "pack")
    plain.well("config", "set", "level", "restricted")
    assert "mlplatform@" in plain.well("preview", "--policy-pack", pack)
    plain.well("config", "set", "level", "privileged")
    assert "namespaces-restricted" in plain.badly("preview", "--policy-pack", pack)
