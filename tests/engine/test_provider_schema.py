"""The built Kubernetes provider and the Python package that the program is written with know the same resources."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pulumi_kubernetes

from local.toolchain import binary
from tests.engine.stacks import KUBERNETES

PACKAGE = Path(pulumi_kubernetes.__file__).parent
IN_PYTHON = {
    "kubernetes:helm.sh/v3:Chart",
    "kubernetes:kustomize:Directory",
    "kubernetes:yaml:ConfigFile",
    "kubernetes:yaml:ConfigGroup",
    "kubernetes:apiextensions.k8s.io:CustomResource",
    "kubernetes:apiextensions.k8s.io:CustomResourcePatch",
}
"""Resources that the package implements itself; the schema only mentions them."""


@functools.cache
def schema(tmp: Path) -> dict[str, Any]:
    """Return the schema as the provider tells it."""
    found = subprocess.run(
        [str(binary("pulumi")), "package", "get-schema", str(binary(KUBERNETES))],
        capture_output=True,
        check=True,
        cwd=tmp,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        timeout=120,
    )
    return json.loads(found.stdout)


def resources_of_package() -> dict[str, set[str]]:
    """Return the package's resources with their input properties, read from its source: importing it all takes long."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("_") or "__init__(\n                '" in text:
            continue
        for token, inputs in _resources(ast.parse(text)):
            found[token] = inputs
    return found


def _resources(module: ast.Module) -> list[tuple[str, set[str]]]:
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    found: list[tuple[str, set[str]]] = []
    for name, node in classes.items():
        if token := re.search(r"__init__\(\s*'(kubernetes:[^']+)'", ast.unparse(node)):
            arguments = classes.get(f"{name}InitArgs") or classes.get(f"{name}Args")
            found.append((token.group(1), _properties(arguments) if arguments else set()))
    return found


def _properties(node: ast.ClassDef) -> set[str]:
    """Return the properties of a class of arguments by their names on the wire."""
    found: set[str] = set()
    for member in node.body:
        for decorator in member.decorator_list if isinstance(member, ast.FunctionDef) else []:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pulumi.getter":
                found |= {str(ast.literal_eval(word.value)) for word in decorator.keywords if word.arg == "name"}
            elif isinstance(member, ast.FunctionDef) and ast.unparse(decorator) == "pulumi.getter":
                found.add(member.name)
    return found


def test_the_provider_is_of_the_packages_version(tmp_path: Path) -> None:
    assert schema(tmp_path)["version"] == importlib.metadata.version("pulumi-kubernetes")


def test_resources_and_their_inputs_are_the_same(tmp_path: Path) -> None:
    theirs = {token: set(entry.get("inputProperties", {})) for token, entry in schema(tmp_path)["resources"].items()}
    ours = resources_of_package()
    assert len(ours) > 400
    assert theirs.keys() - IN_PYTHON == ours.keys() - IN_PYTHON
    differing = {
        token: theirs[token] ^ ours[token] for token in ours.keys() - IN_PYTHON if theirs[token] != ours[token]
    }
    assert differing == {}
