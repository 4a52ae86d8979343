"""A small stack that breaks no rule, and planted violations that each differ from it in one field."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from policy.model import Resource, SecretText, Stack
from policy.profiles import profile

TODAY = datetime.date(2026, 11, 26)
"""Date in the small stack, independent of the clock."""

HERE = Path(__file__).parent
TAGS = {"defaultTags": {"tags": {"Project": "ml", "Environment": "prod", "ManagedBy": "pulumi", "CostCenter": "ml"}}}


class Loader(yaml.CSafeLoader):
    """YAML loader with `!secret`."""


def secret(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> SecretText:
    return SecretText(loader.construct_scalar(node))


Loader.add_constructor("!secret", secret)


def load(name: str) -> Any:
    return apart(yaml.load((HERE / name).read_text(), Loader))  # noqa: S506 - a safe loader


def apart(node: Any) -> Any:
    """Return a copy without shared parts, which YAML's anchors create."""
    if isinstance(node, Mapping):
        return {key: apart(value) for key, value in node.items()}
    return [apart(value) for value in node] if isinstance(node, list) else node


def aws(item: Mapping[str, Any]) -> Resource:
    bucket = item["type"] == "aws:s3/bucket:Bucket"
    identity = item["name"] if bucket else f"{item['name']}-id"
    kind, name, inputs = item["type"], item["name"], item["inputs"]
    urn = f"urn:pulumi:prod::mlplatform::{kind}::{name}"
    return Resource(kind, name, urn, inputs, id=identity, protect=item.get("protect", False), provider=TAGS)


def kubernetes(item: Mapping[str, Any]) -> Resource:
    version = item["apiVersion"] if "/" in item["apiVersion"] else f"core/{item['apiVersion']}"
    kind, name = f"kubernetes:{version}:{item['kind']}", item["metadata"]["name"]
    return Resource(kind, name, f"urn:pulumi:prod::mlplatform::{kind}::{name}", item)


@functools.cache
def world(name: str = "prod") -> Stack:
    found = load("policy_world.yaml")
    resources = [*map(aws, found["aws"]), *map(kubernetes, found["kubernetes"])]
    return Stack(name, profile(name), resources, TODAY)


@dataclass(frozen=True)
class Plant:
    """One planted violation: `rule` must find it in one resource, and of the other rules only those in `also`."""

    rule: str
    resource: str
    path: Any
    value: Any
    also: frozenset[str]

    def __str__(self) -> str:
        where = self.path if isinstance(self.path, str) else ".".join(map(str, self.path))
        return f"{self.rule}-{self.resource}-{where}"


def plants() -> list[Plant]:
    found = []
    for entry in load("policy_plants.yaml"):
        [(rule, (resource, path, *rest))] = entry.items()
        value = rest[0] if rest else None
        also: list[str] = rest[1] if len(rest) > 1 else []
        found.append(Plant(rule, resource, path, value, frozenset(also)))
    return found


def planted(plant: Plant) -> Stack:
    stack = world()
    [target] = [item for item in stack.resources if f"{item.kind}/{item.name}" == plant.resource]
    changed = [_changed(item, plant) if item is target else item for item in stack.resources]
    return replace(stack, resources=changed)


def _changed(item: Resource, plant: Plant) -> Resource:
    if isinstance(plant.path, str):
        return replace(item, **{plant.path: plant.value})
    inputs = apart(item.inputs)
    node: Any = inputs
    for part in plant.path[:-1]:
        node = node[part]
    if plant.value is None:
        del node[plant.path[-1]]
    else:
        node[plant.path[-1]] = plant.value
    return replace(item, inputs=inputs)
