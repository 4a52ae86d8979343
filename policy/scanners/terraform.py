"""Converts AWS resources to a Terraform plan, the format that infrastructure scanners read."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from policy.model import Data, Resource, Stack
from policy.render import outputs

TABLE = Path(__file__).with_name("terraform.yaml")


@dataclass(frozen=True)
class Names:
    """Content of terraform.yaml."""

    bare: frozenset[str]
    types: Mapping[str, str]
    maps: frozenset[str]
    plural: frozenset[str]


@functools.cache
def names() -> Names:
    """Return the table of names."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return Names(frozenset(table["bare"]), table["types"], frozenset(table["maps"]), frozenset(table["plural"]))


def snake_case(name: str) -> str:
    """Return `blockPublicAcls` as `block_public_acls`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def type_of(token: str) -> str:
    """Return Terraform's type for Pulumi's token: `aws_s3_bucket` for `aws:s3/bucket:Bucket`."""
    if token in names().types:
        return names().types[token]
    module, _, name = token.split(":")[1].partition("/")
    return f"aws_{snake_case(name)}" if module in names().bare else f"aws_{snake_case(module)}_{snake_case(name)}"


def label(name: str) -> str:
    """Return a resource's name with only the characters that Terraform allows."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def address(resource: Resource) -> str:
    """Return a resource's address."""
    return f"{type_of(resource.type)}.{label(resource.name)}"


def singular(word: str) -> str:
    """Return the singular of the name of a list of blocks."""
    if word in names().plural:
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")


def values(inputs: Mapping[str, Data]) -> dict[str, Data]:
    """Return a resource's inputs as the attributes and blocks of a plan."""
    made: dict[str, Data] = {}
    for key, value in inputs.items():
        name = snake_case(key)
        if isinstance(value, Mapping):
            made[name] = dict(value) if name in names().maps else [values(value)]
        elif isinstance(value, Sequence) and any(isinstance(item, Mapping) for item in value):
            made[singular(name)] = [values(item) for item in value]
        elif isinstance(value, float) and value.is_integer():
            made[name] = int(value)
        else:
            made[name] = value
    return made


def known_values(resources: Sequence[Resource]) -> dict[str, list[str]]:
    """Return the references, such as `aws_kms_key.data.arn`, for ids, ARNs and bucket names of resources."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        identity, made = outputs(resource.type, resource.name, resource.inputs)
        for attribute, value in (("id", identity), ("arn", made.get("arn")), ("bucket", resource.at("bucket"))):
            if isinstance(value, str) and (attribute != "bucket" or resource.type == "aws:s3/bucket:Bucket"):
                reference = address(resource)
                found.setdefault(str(value), [f"{reference}.{attribute}", reference])
    return found


def expressions(node: Mapping[str, Data], known: Mapping[str, list[str]], own: str) -> dict[str, Data]:
    """Return the references in a resource's attributes, in the form of a plan's configuration."""
    made: dict[str, Data] = {}
    for key, value in node.items():
        if key in names().maps:
            continue
        blocks = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
        if blocks:
            made[key] = [expressions(item, known, own) for item in blocks]
        elif found := [one for text in _texts(value) for one in known.get(text, []) if not f"{one}.".startswith(own)]:
            made[key] = {"references": list(dict.fromkeys(found))}
    return made


def _texts(value: Data) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def plan(stack: Stack) -> dict[str, Data]:
    """Return a Terraform plan that creates the AWS resources of a stack.

    The format is that of `terraform show -json`, version 1.2, limited to the fields that scanners read.
    """
    resources = [item for item in stack.resources if item.type.startswith("aws:")]
    known = known_values(resources)
    planned: list[Data] = []
    changes: list[Data] = []
    configured: list[Data] = []
    for resource in resources:
        common = _tags(resource)
        body = values({**resource.inputs, **({"tags": common} if common else {})})
        head = {"address": address(resource), "mode": "managed", "type": type_of(resource.type)}
        head["name"] = label(resource.name)
        planned.append({**head, "values": body})
        changes.append({**head, "change": {"actions": ["create"], "before": None, "after": body, "after_unknown": {}}})
        configured.append({**head, "expressions": expressions(body, known, head["address"] + ".")})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configured}},
    }


def _tags(resource: Resource) -> dict[str, Data]:
    defaults = resource.provider.get("defaultTags") or {}
    return {**(defaults.get("tags") or {}), **(resource.at("tags") or {})}
