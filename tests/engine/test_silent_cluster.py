"""A cluster that does not answer: previews use the state, changes are refused, a destroy can forget the objects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from common.errors import UserError
from components.kubernetes.crds import CrdBundle, CrdBundleArgs
from infra.state.guards import Operation, check_state, prepare_stack
from tests.engine.control_plane import control_plane
from tests.engine.stacks import Program, Stack, config_map
from tests.engine.test_crd_bundle import definition, write


def program(stack: Stack, crds: Path, data: str = "1") -> Program:
    """Declare an object, CRDs that are deleted with their bundle, and a resource outside the cluster."""

    def run() -> None:
        provider = stack.provider()
        config_map("settings", {"a": data}, "default", provider)
        digest = write(crds, definition("example.org", "Gadget"))
        kept = CrdBundleArgs(version="1", sha256=digest, path=str(crds), kubeconfig=stack.kubeconfig, delete_crds=True)
        CrdBundle("crds", kept, pulumi.ResourceOptions(depends_on=[provider]))
        random.RandomPet("pet")

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bring a stack up, then stop its cluster."""
    found = tmp_path_factory.mktemp("silent")
    with contextlib.ExitStack() as running:
        plane = running.enter_context(control_plane(found))
        stack = Stack(found / "stack", str(plane.kubeconfig))
        stack.up(program(stack, found / "crds.yaml"))
        running.close()
        yield found


@pytest.fixture
def stack(folder: Path) -> Stack:
    return Stack(folder / "stack", str(folder / "kubeconfig"))


def test_a_preview_goes_on_from_the_state(stack: Stack, folder: Path) -> None:
    assert stack.preview(program(stack, folder / "crds.yaml")).operations() == {}
    changed = stack.preview(program(stack, folder / "crds.yaml", "2"))
    assert changed.operations() == {"settings": "update"}


def deployment(stack: Stack) -> dict[str, Any]:
    return dict(stack.auto.export_stack().deployment or {})


@pytest.mark.parametrize("operation", ["up", "destroy"])
def test_a_change_is_refused_and_the_state_stays(stack: Stack, operation: Operation) -> None:
    before = stack.raw_state()
    with pytest.raises(UserError, match="does not answer; nothing was touched") as refused:
        check_state(operation, deployment(stack), stack.auto.name, local=True)
    assert "mlp cluster start" in str(refused.value)
    assert "--forget-cluster" in str(refused.value)
    assert stack.raw_state() == before


def test_the_provider_itself_refuses_too(stack: Stack) -> None:
    """Plain `pulumi destroy` fails and removes nothing from the state."""
    with pytest.raises(Exception, match="unreachable"):
        stack.destroy()
    assert "settings" in stack.resources()


def test_a_destroy_forgets_it_and_deletes_what_is_elsewhere(stack: Stack) -> None:
    preparation = check_state("destroy", deployment(stack), stack.auto.name, local=True, forget_cluster=True)
    prepare_stack(stack.auto, preparation)
    stack.destroy()
    assert stack.resources() == {}
