"""Renders one pinned source to Kubernetes objects: a Helm chart, a kustomization or plain YAML."""

from __future__ import annotations

import string
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from artifacts.manifests import prune, sources
from artifacts.manifests.pins import Component, Source
from artifacts.manifests.prune import Object
from common.errors import UserError

Run = Callable[[list[str]], str]
"""Runs a command and returns its standard output."""


def run(command: list[str]) -> str:
    """Run `command` and return its standard output.

    Raises:
        UserError: The command failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"{Path(command[0]).name} could not render {command[-1]}.",
            seen=done.stderr.strip()[-1000:],
            next_step="correct the values in artifacts/manifests/pins.yaml, then: mlp vendor",
        )
    return done.stdout


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` merged into it, as Helm merges values files: recursively, and null removes a key."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def values(source: Source, chart: Path) -> dict[str, Any]:
    """Return the values that a chart is rendered with: the filled-in template, overridden by `values`."""
    if source.values_template is None:
        return dict(source.values)
    template = string.Template((chart / source.values_template).read_text())
    return merged(yaml.safe_load(template.substitute(source.placeholders)), source.values)


def helm(source: Source, chart: Path, *, namespace: str, kubernetes: str, call: Run = run) -> str:
    """Return the chart rendered by the tool helm-render."""
    from artifacts.toolchain import binary, ensure

    ensure(["helm-render"])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values(source, chart), file)
        file.flush()
        command = [str(binary("helm-render")), "--values", file.name, "--release", source.release]
        command += ["--namespace", namespace, "--kube-version", kubernetes]
        command += ["--include-crds"] if source.keep != "objects" else []
        return call([*command, "--chart", str(chart)])


def kustomize(folder: Path, *, call: Run = run) -> str:
    """Return the kustomization built by kubectl; it must not refer to remote resources."""
    kubectl = Path(sys.executable).parent / "kubectl"
    return call([str(kubectl), "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(folder)])


def plain(path: Path) -> str:
    """Return the YAML files at `path`, ordered by name, without kustomization files."""
    if path.is_file():
        return path.read_text()
    found = sorted(file for file in path.glob("*.yaml") if file.name != "kustomization.yaml")
    return "\n---\n".join(file.read_text() for file in found)


def render_source(source: Source, archive: sources.Archive, *, namespace: str, kubernetes: str) -> list[Object]:
    """Return the objects of one source, filtered by `keep`."""
    with tempfile.TemporaryDirectory() as scratch:
        path = sources.unpack(archive, source.path, Path(scratch))
        if source.chart:
            text = helm(source, path, namespace=namespace, kubernetes=kubernetes)
        elif source.kustomize:
            text = kustomize(path)
        else:
            text = plain(path)
    return [item for item in prune.parse(text) if source.keep is None or prune.is_crd(item) == (source.keep == "crds")]


def render(component: Component, archive: sources.Archive, kubernetes: str) -> tuple[str, str]:
    """Return a component's rendered CRDs and its other objects, both as YAML streams."""
    objects = prune.tidy(
        item
        for source in component.sources
        for item in render_source(source, archive, namespace=component.namespace, kubernetes=kubernetes)
    )
    crds = [item for item in objects if prune.is_crd(item)]
    return prune.dump(crds), prune.dump(item for item in objects if not prune.is_crd(item))
