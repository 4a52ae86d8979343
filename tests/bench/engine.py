"""`python -m tests.bench.engine`: measures preview, up, refresh and destroy for growing numbers of Kubernetes objects.

A control plane on loopback, the real engine, a file backend, the offline plugins, and the CRD bundles that
`mlp vendor` has rendered.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from common.paths import UPSTREAM
from common.progress import console, step
from components.kubernetes.crds import CrdBundle, CrdBundleArgs
from tests.engine.control_plane import control_plane
from tests.engine.stacks import Stack, config_map

OPERATIONS = ("preview of all", "up", "preview of nothing", "up of nothing", "refresh", "destroy")


def main(
    objects: Annotated[list[int] | None, typer.Option(help="Numbers of ConfigMaps to measure.")] = None,
) -> None:
    """Measure a stack for each number of objects; print the seconds and the size of the state."""
    table = Table("objects", *(f"{name}, s" for name in OPERATIONS), "state, kB")
    with tempfile.TemporaryDirectory() as place, control_plane(Path(place)) as plane:
        for count in objects or [30, 100, 300]:
            stack = Stack(Path(place) / f"stack-{count}", plane.kubeconfig.read_text())
            with step(f"{count} objects"):
                seconds, size = measure(stack, plane.namespace(f"bench-{count}"), count)
            table.add_row(str(count), *(f"{value:.1f}" for value in seconds), f"{size / 1000:.0f}")
    console.print(table)


def measure(stack: Stack, namespace: str, count: int) -> tuple[list[float], int]:
    """Return the seconds of each operation and the bytes of the state with all objects."""
    bundles = {path.parent.name: path for path in sorted(UPSTREAM.glob("*/crds.yaml"))}

    def program() -> None:
        provider = stack.provider()
        for name, path in bundles.items():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            CrdBundle(name, CrdBundleArgs(version="bench", sha256=digest, path=str(path), kubeconfig=stack.kubeconfig))
        for index in range(count):
            config_map(f"map-{index}", {"text": "x" * 200, "index": str(index)}, namespace, provider)

    operations: list[Callable[[], object]] = [
        lambda: stack.preview(program),
        lambda: stack.up(program),
        lambda: stack.preview(program),
        lambda: stack.up(program),
        lambda: stack.refresh(program),
    ]
    seconds = [_timed(operation) for operation in operations]
    size = len(json.dumps(stack.auto.export_stack().deployment))
    return [*seconds, _timed(stack.destroy)], size


def _timed(operation: Callable[[], object]) -> float:
    began = time.monotonic()
    operation()
    return time.monotonic() - began


if __name__ == "__main__":
    typer.run(main)
