"""After an `up` that is killed at any point, the next `up` converges: no duplicate, no orphan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from mlp.engine.lock import drop_pending_operations
from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import KUBERNETES, Program, Stack

COUNT = 12


def chain(stack: Stack, namespace: str, data: str = "1", immutable: bool = False) -> Program:
    """Declare objects that depend on each other in a chain."""

    def run() -> None:
        provider = stack.provider()
        previous: list[pulumi.Resource] = []
        for index in range(COUNT):
            metadata: Any = {"namespace": namespace, "name": f"map-{index}", "labels": {"chain": "yes"}}
            made = k8s.core.v1.ConfigMap(
                f"map-{index}",
                metadata=metadata,
                data={"index": str(index), "data": data},
                immutable=immutable or None,
                opts=pulumi.ResourceOptions(provider=provider, depends_on=previous),
            )
            previous = [made]

    return run


def maps(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    listed = plane.get(f"/api/v1/namespaces/{namespace}/configmaps?labelSelector=chain") or {}
    return listed["items"]


def has(plane: ControlPlane, namespace: str, count: int) -> Callable[[], bool]:
    return lambda: len(maps(plane, namespace)) >= count


def converged(stack: Stack, plane: ControlPlane, namespace: str, data: str) -> None:
    found = maps(plane, namespace)
    assert sorted(int(entry["data"]["index"]) for entry in found) == list(range(COUNT))
    assert {entry["data"]["data"] for entry in found} == {data}
    ids = {entry["id"] for entry in stack.resources().values()}
    assert ids == {f"{namespace}/{entry['metadata']['name']}" for entry in found}


@pytest.mark.parametrize("victim", ["pulumi", KUBERNETES])
@pytest.mark.parametrize("count", [1, 2, 5, 8, COUNT])
def test_create(stack: Stack, plane: ControlPlane, namespace: str, count: int, victim: str) -> None:
    if victim != "pulumi" and count == COUNT:
        pytest.skip("after the last object no call is left that the plugin could miss")
    stack.killed_up(chain(stack, namespace), has(plane, namespace, count), victim)
    stack.unlock()
    stack.up(chain(stack, namespace))
    converged(stack, plane, namespace, "1")
    assert stack.up(chain(stack, namespace)).operations() == {}
    stack.destroy()
    assert maps(plane, namespace) == []


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("immutable", [False, True])
def test_update_and_replace(stack: Stack, plane: ControlPlane, namespace: str, count: int, immutable: bool) -> None:
    stack.up(chain(stack, namespace, "1", immutable))

    def changed() -> bool:
        return sum(entry["data"]["data"] == "2" for entry in maps(plane, namespace)) >= count

    stack.killed_up(chain(stack, namespace, "2", immutable), changed)
    stack.unlock()
    stack.up(chain(stack, namespace, "2", immutable))
    converged(stack, plane, namespace, "2")
    assert stack.up(chain(stack, namespace, "2", immutable)).operations() == {}
    stack.destroy()
    assert maps(plane, namespace) == []


@pytest.mark.parametrize("victim", ["pulumi", KUBERNETES])
def test_made_but_not_recorded(stack: Stack, plane: ControlPlane, namespace: str, victim: str) -> None:
    """Kills the process while an object is awaited, which is after its creation and before its entry in the state."""

    def waited_for(go: str) -> Program:
        def run() -> None:
            metadata: Any = {
                "name": "waited-for",
                "namespace": namespace,
                "labels": {"chain": "yes"},
                "annotations": {"pulumi.com/waitFor": "jsonpath={.data.go}=yes"},
            }
            opts = pulumi.ResourceOptions(provider=stack.provider())
            k8s.core.v1.ConfigMap("waited-for", metadata=metadata, data={"go": go}, opts=opts)

        return run

    stack.killed_up(waited_for("no"), has(plane, namespace, 1), victim)
    uid = maps(plane, namespace)[0]["metadata"]["uid"]
    assert "waited-for" not in stack.resources()
    stack.unlock()
    stack.up(waited_for("yes"))
    assert [entry["metadata"]["uid"] for entry in maps(plane, namespace)] == [uid]
    assert stack.up(waited_for("yes")).operations() == {}
    stack.destroy()
    assert maps(plane, namespace) == []


def test_a_job_left_by_another_version_of_the_program_is_replaced(
    stack: Stack, plane: ControlPlane, namespace: str
) -> None:
    """A Job's template is immutable: a Job that was created but not recorded is replaced after a change of the program.

    Without `drop_pending_operations` the API server refuses the change: "field is immutable".
    """

    def job(value: str, wait: bool) -> Program:
        def run() -> None:
            container: Any = {"name": "c", "image": "none", "env": [{"name": "VALUE", "value": value}]}
            k8s.batch.v1.Job(
                "once",
                metadata={
                    "name": "once",
                    "namespace": namespace,
                    # Never true, or true at once; the deletion is awaited in both cases.
                    "annotations": {"pulumi.com/waitFor": f"jsonpath={{.metadata.name}}={'no' if wait else 'once'}"},
                },
                spec={"template": {"spec": {"restart_policy": "Never", "containers": [container]}}},
                opts=pulumi.ResourceOptions(provider=stack.provider()),
            )

        return run

    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/once"
    stack.killed_up(job("old", wait=True), lambda: plane.get(path) is not None, "pulumi")
    before = plane.get(path)
    assert before is not None
    assert "once" not in stack.resources()
    stack.unlock()
    drop_pending_operations(stack.auto)
    stack.up(job("new", wait=False))
    after = plane.get(path)
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "VALUE", "value": "new"}]
    assert stack.up(job("new", wait=False)).operations() == {}
    stack.destroy()
