"""Test that the built Kubernetes provider and the Python SDK have the same resources."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pulumi_kubernetes
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from artifacts.toolchain import binary
from providers.protocol.server_options import CHANNEL_OPTIONS
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
"""Resources that the SDK implements itself and the schema only mentions."""


@dataclass(frozen=True)
class Told:
    """The provider's description of itself."""

    version: str
    schema: dict[str, Any]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Start the provider as the engine does, and request its description."""
    # No engine listens at this address; these requests need none.
    process = subprocess.Popen(
        [str(binary(KUBERNETES)), "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path_factory.mktemp("provider"),
        text=True,
    )
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            version = stub.GetPluginInfo(empty_pb2.Empty(), timeout=60).version
            schema = stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=60).schema
        return Told(version, json.loads(schema))
    finally:
        process.kill()
        process.wait()


def resources_of_package() -> dict[str, set[str]]:
    """Return the SDK's resources with their input properties, from its source, because importing all of it is slow."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("_"):
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
    """Return the properties of an arguments class, by their names on the wire."""
    found: set[str] = set()
    for member in node.body:
        for decorator in member.decorator_list if isinstance(member, ast.FunctionDef) else []:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pulumi.getter":
                found |= {str(ast.literal_eval(word.value)) for word in decorator.keywords if word.arg == "name"}
            elif isinstance(member, ast.FunctionDef) and ast.unparse(decorator) == "pulumi.getter":
                found.add(member.name)
    return found


def test_the_provider_is_of_the_packages_version(provider: Told) -> None:
    assert provider.version == importlib.metadata.version("pulumi-kubernetes")


def test_resources_and_their_inputs_are_the_same(provider: Told) -> None:
    theirs = {token: set(entry.get("inputProperties", {})) for token, entry in provider.schema["resources"].items()}
    ours = resources_of_package()
    assert len(ours) > 400
    assert theirs.keys() - IN_PYTHON == ours.keys() - IN_PYTHON
    differing = {
        token: theirs[token] ^ ours[token] for token in ours.keys() - IN_PYTHON if theirs[token] != ours[token]
    }
    assert differing == {}
