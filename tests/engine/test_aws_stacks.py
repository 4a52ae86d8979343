"""Test the committed stacks on AWS: real engine, emulated account, and a real API server and scheduler as its cluster.

The tests of one stack share one `up` and run in order of their definition; the last one destroys the stack.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pulumi
import pytest

from artifacts import manifests
from common.errors import UserError
from components.kubernetes.quantities import value
from components.substrates.aws.node_groups import GPU_TAINT
from mlp.protection import refuse_protected_resources
from tests.engine import aws_canaries as canaries
from tests.engine.aws import ACCOUNTS, REGION, AwsStack
from tests.engine.aws_canaries import CANARIES
from tests.engine.aws_drift import DRIFTS
from tests.engine.aws_inventory import SNAPSHOTS, inventory
from tests.engine.aws_nodes import GPU
from tests.engine.aws_world import World, world
from tests.engine.stacks import Outcome

STACKS = os.environ.get("MLP_TEST_AWS_STACKS", "prod").split(",")
"""Stacks to test. By default the largest, about five minutes; MLP_TEST_AWS_STACKS=dev,staging,prod runs all three."""

STATE_BYTES = 5_000_000


@dataclass
class Running:
    """A stack that is deployed."""

    name: str
    world: World
    stack: AwsStack
    planned: Outcome
    made: Outcome
    changes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def freed(self) -> Outcome:
        """Return the `up` that turns off data protection, the first step of removing the stack."""
        decommission = {"aws__decommission": self.name} if self.name == "prod" else {}
        return self.up(aws__protect_data=False, **decommission)

    def leaks(self, *outcomes: Outcome) -> list[str]:
        """Return the secrets that operations printed in some form: planted ones, and those that the stack generated."""
        said = "".join(outcome.text + repr(outcome.outputs) + repr(outcome.events) for outcome in outcomes)
        return canaries.leaks({*CANARIES, *self.drawn}, said)

    @cached_property
    def drawn(self) -> set[str]:
        """Secrets that the stack generated."""
        return canaries.drawn(self.world)

    def up(self, **changes: Any) -> Outcome:
        """Run an `up` with changed settings, `__` for a dot, in addition to earlier changes."""
        self.changes.update({key.replace("__", "."): value for key, value in changes.items()})
        self.stack.configure(self.changes)
        return self.stack.up(program)


def program() -> None:
    """Declare the platform, with 50 planted secrets where it has secrets."""
    AwsStack.program()
    canaries.plant()


@pytest.fixture(scope="module", params=STACKS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    manifests.ensure()
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    with world(folder, ACCOUNTS[name], REGION) as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLP_TEST_KUBECONFIG", str(found.plane.kubeconfig))
        stack = AwsStack.of(folder / "stack", found.account, name)
        planned = stack.preview(program, diff=True)
        try:
            made = stack.up(program)
        except pulumi.automation.CommandError as error:
            stuck = [_pod_name(pod) for pod in found.pods() if pod["status"].get("phase") == "Pending"]
            raise AssertionError(f"{error}\npending: {stuck}\nrefused: {found.kubelets.refused}") from None
        yield Running(name, found, stack, planned, made)


def test_the_first_preview_lists_what_is_made_and_what_later_previews_list(running: Running) -> None:
    """The first preview knows no cluster, address or identity, and must still show every resource."""
    planned = urns(running.planned)
    assert len(planned) > 300
    assert planned == urns(running.made)
    later = running.stack.preview(program)
    assert later.changes.keys() == {"same"}, later.text
    assert urns(later) == planned


def test_a_second_up_changes_nothing(running: Running) -> None:
    assert running.up().changes.keys() == {"same"}
    refreshed = running.stack.refresh(program)
    assert changed_by_others(refreshed) == set()
    assert running.up().changes.keys() == {"same"}


def test_the_state_is_small_and_holds_no_secret(running: Running) -> None:
    """50 planted secrets and every generated one, in state, preview with values, logs and outputs."""
    states = list((running.stack.folder / "state" / ".pulumi" / "stacks").rglob("*.json"))
    assert max(path.stat().st_size for path in states) < STATE_BYTES
    assert canaries.arrived(running.world) == {*canaries.IN_KUBERNETES, *canaries.IN_SECRETS_MANAGER}
    assert len(running.drawn) > 5
    assert running.leaks(running.planned, running.made) == []
    assert canaries.leaks({*CANARIES, *running.drawn}, running.stack.raw_state()) == []
    assert "[secret]" in running.planned.text, "the preview shows values"


def test_every_pod_has_a_node_that_can_hold_it_and_gpu_nodes_are_left_to_gpu_pods(running: Running) -> None:
    plane = running.world.plane
    train = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {
            "nodeSelector": {"mlplatform/accelerator": "nvidia"},
            "tolerations": [{"key": GPU_TAINT, "operator": "Exists"}],
            "containers": [{"name": "train", "image": "x", "resources": {"limits": {GPU: "1"}}}],
        },
    }
    greedy = {**train, "metadata": {"name": "greedy", "namespace": "default"}}
    greedy["spec"] = {"containers": [{"name": "x", "image": "x", "resources": {"limits": {GPU: "1"}}}]}
    for pod in (train, greedy):
        plane.http.post("/api/v1/namespaces/default/pods", json=pod).raise_for_status()
    running.world.wait(lambda: _placed(running.world, "train"), "the training pod's node")
    nodes = {entry["metadata"]["name"]: entry for entry in (plane.get("/api/v1/nodes") or {})["items"]}
    used: dict[tuple[str, str], float] = {}
    for pod in running.world.pods():
        spec, name = pod["spec"], _pod_name(pod)
        if name == "default/greedy":
            assert "nodeName" not in spec, "a pod without the toleration must not run on a GPU node"
            continue
        assert pod["status"]["phase"] in ("Running", "Succeeded"), name
        node = nodes[spec["nodeName"]]
        if GPU in node["status"]["capacity"]:
            assert _wants_gpu(spec) or "nvidia-device-plugin" in name, f"{name} uses a GPU node without need"
        else:
            assert not _wants_gpu(spec), name
        if pod["status"]["phase"] == "Running":
            for container in spec["containers"]:
                for kind, amount in (container.get("resources", {}).get("requests") or {}).items():
                    used[spec["nodeName"], kind] = used.get((spec["nodeName"], kind), 0) + value(amount)
    for (name, kind), amount in used.items():
        assert amount <= value(nodes[name]["status"]["allocatable"][kind]), (name, kind)
    assert running.world.kubelets.refused == {}
    for name in ("train", "greedy"):
        plane.delete(f"/api/v1/namespaces/default/pods/{name}")


@pytest.mark.parametrize(
    ("path", "new", "changed"),
    [
        ("aws.redis.node_type", "cache.r7g.xlarge", {"ReplicationGroup redis"}),
        ("aws.postgres.instance_class", "db.m7g.2xlarge", {"Instance postgres"}),
        ("aws.node_groups.cpu.maximum", 41, {"NodeGroup nodes-cpu"}),
        ("mlflow.replicas", 4, {"Deployment mlflow"}),
    ],
)
def test_one_size_changes_one_thing_and_replaces_nothing(
    running: Running, path: str, new: object, changed: set[str]
) -> None:
    found = running.up(**{path.replace(".", "__"): new})
    assert found.changes.keys() <= {"same", "update", "create"}, found.changes
    names = {f"{kind} {name}" for kind, name in steps(found)}
    assert all(any(name.startswith(wanted) for name in names) for wanted in changed), names
    rest = {name for name in names if not any(name.startswith(wanted) for wanted in changed)}
    assert not rest or (path == "mlflow.replicas" and rest == {"PodDisruptionBudget mlflow"}), names


def test_a_refresh_sees_ten_kinds_of_drift_and_an_up_repairs_them(running: Running) -> None:
    for drift in DRIFTS:
        drift.make(running.world)
    refreshed = running.stack.refresh(program)
    seen = changed_by_others(refreshed)
    for drift in DRIFTS:
        assert any(name.startswith(drift.resource) for name in seen), (drift.resource, seen)
    assert running.leaks(refreshed) == []
    repaired = {f"{kind} {name}" for kind, name in steps(running.up())}
    for drift in DRIFTS:
        assert any(name.startswith(drift.resource) for name in repaired), (drift.resource, repaired)
    for drift in DRIFTS:
        drift.check(running.world)
    assert running.up().changes.keys() == {"same"}


def test_the_number_of_nodes_is_the_autoscalers(running: Running) -> None:
    """Neither a size that the autoscaler set nor another `initial` in the settings resets the number."""
    eks = running.world.account.client("eks")
    (cluster,) = eks.list_clusters()["clusters"]
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="cpu", scalingConfig={"desiredSize": 4})
    assert changed_by_others(running.stack.refresh(program)) == {"NodeGroup nodes-cpu"}
    assert running.up(aws__node_groups__cpu__initial=5).changes.keys() == {"same"}
    scaling = eks.describe_nodegroup(clusterName=cluster, nodegroupName="cpu")["nodegroup"]["scalingConfig"]
    assert scaling["desiredSize"] == 4


def test_protected_data_stays_until_protection_is_off_and_that_only_updates(running: Running) -> None:
    before, resources = inventory(running.world.account), running.stack.resources().keys()
    if running.name != "dev":
        status, said = running.stack.plain_destroy()
        assert status != 0
        assert "cannot be deleted" in said, said
        deployment = running.stack.auto.export_stack().deployment or {}
        with pytest.raises(UserError, match="nothing was deleted"):
            refuse_protected_resources(deployment, running.name)
        assert inventory(running.world.account) == before
        assert running.stack.resources().keys() == resources
    assert running.freed.changes.keys() <= {"same", "update"}, running.freed.operations()
    assert running.stack.resources().keys() == resources
    assert inventory(running.world.account) == before
    refuse_protected_resources(running.stack.auto.export_stack().deployment or {}, running.name)


def test_destroy_leaves_nothing_behind(running: Running) -> None:
    """A remaining volume, load balancer or network interface would block the deletion of subnets and groups."""
    assert running.freed.changes
    secrets = {*CANARIES, *running.drawn}
    before = inventory(running.world.account)
    assert {"ec2 describe_network_interfaces", "elbv2 describe_load_balancers"} <= before.keys()
    destroyed = running.stack.destroy()
    assert running.leaks(destroyed) == []
    assert canaries.leaks(secrets, running.stack.raw_state()) == []
    running.world.settle()
    found = inventory(running.world.account)
    snapshots = [name for question in SNAPSHOTS for name in found.pop(question, [])]
    assert found == {}
    # Automatic snapshots (`rds:`) stay with the last one for their retention.
    last = sorted(re.sub(r"-[0-9a-f]{8}$", "", name) for name in snapshots if not name.startswith("rds:"))
    stores: list[str] = [] if running.name == "dev" else ["mysql", "postgres", "redis"]
    assert last == [f"mlplatform-{running.name}-{store}-final" for store in stores]
    left = {
        f"{kind} {_pod_name(entry)}"
        for kind in ("pods", "services", "persistentvolumeclaims", "persistentvolumes")
        for entry in (running.world.plane.get(f"/api/v1/{kind}") or {})["items"]
    }
    assert left == {"services default/kubernetes"}
    assert running.stack.resources() == {}


def urns(outcome: Outcome) -> set[str]:
    """Return the URNs of an operation's steps."""
    found = {event.resource_pre_event.metadata.urn for event in outcome.events if event.resource_pre_event}
    return {urn for urn in found if "pulumi:pulumi:Stack" not in urn}


def steps(outcome: Outcome) -> set[tuple[str, str]]:
    """Return kind and name of every changed resource, without components."""
    found: set[tuple[str, str]] = set()
    for event in outcome.events:
        if event.resource_pre_event:
            meta = event.resource_pre_event.metadata
            op = str(getattr(meta.op, "value", meta.op))
            if op not in ("same", "read", "refresh") and not meta.type.startswith("pulumi:providers:"):
                found.add((meta.type.rsplit(":", 1)[-1], meta.urn.split("::")[-1]))
    return found


def changed_by_others(refreshed: Outcome) -> set[str]:
    """Return kind and name of the resources that a refresh found changed or gone."""
    metas = [event.res_outputs_event.metadata for event in refreshed.events if event.res_outputs_event]
    return {
        f"{meta.type.rsplit(':', 1)[-1]} {meta.urn.split('::')[-1]}"
        for meta in metas
        if str(getattr(meta.op, "value", meta.op)) in ("update", "delete")
    }


def _pod_name(entry: dict[str, Any]) -> str:
    return f"{entry['metadata'].get('namespace', '')}/{entry['metadata']['name']}".lstrip("/")


def _wants_gpu(spec: dict[str, Any]) -> bool:
    return any(GPU in (entry.get("resources", {}).get("limits") or {}) for entry in spec["containers"])


def _placed(found: World, name: str) -> bool:
    pod = found.plane.get(f"/api/v1/namespaces/default/pods/{name}") or {}
    return pod.get("status", {}).get("phase") == "Running"
