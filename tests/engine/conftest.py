"""Session fixtures: one control plane for all engine tests, a stack and a namespace for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.control_plane import ControlPlane, control_plane
from tests.engine.stacks import Stack


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        yield running


@pytest.fixture
def namespace(plane: ControlPlane, request: pytest.FixtureRequest) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[-50:].strip("-")
    return plane.namespace(name)


@pytest.fixture
def stack(plane: ControlPlane, tmp_path: Path) -> Stack:
    return Stack(tmp_path, plane.kubeconfig.read_text())


@pytest.fixture
def alone(tmp_path: Path) -> Stack:
    """A stack that needs no cluster."""
    return Stack(tmp_path, "")


@pytest.fixture
def new_stack(plane: ControlPlane, tmp_path: Path) -> Callable[..., Stack]:
    def make(name: str, **options: Any) -> Stack:
        return Stack(tmp_path / name, options.pop("kubeconfig", plane.kubeconfig.read_text()), name=name, **options)

    return make
