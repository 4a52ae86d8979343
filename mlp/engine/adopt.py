"""Adopts resources that a killed update created in AWS but did not record: finds them and adds them to the state.

Otherwise the next update would fail for every resource with a fixed name, and create a duplicate of every other one.
Most Kubernetes objects need no adoption: the program sets their names, and the provider applies them with the same
field manager (`FIELD_MANAGER` in `components.kubernetes.provider`). A Job is the exception. Its template is immutable,
so when the program has changed in the meantime, the provider can only replace a Job that is in the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation as auto

from common.progress import console
from components.kubernetes.provider import FIELD_MANAGER

JOB = "kubernetes:batch/v1:Job"
IDENTITIES = Path(__file__).with_name("identities.yaml")


@cache
def identities() -> Mapping[str, Any]:
    """Return the rules that find resources, by type token."""
    return yaml.safe_load(IDENTITIES.read_text(encoding="utf-8"))


def adopt_pending(stack: auto.Stack) -> list[str]:
    """Add the resources of pending creations to the state; return the URNs that were added.

    A refresh of these resources then removes the ones that do not exist.
    """
    exported = stack.export_stack()
    deployment: dict[str, Any] = dict(exported.deployment or {})
    resources: list[dict[str, Any]] = list(deployment.get("resources") or [])
    taken = {entry.get("id") for entry in resources}
    regions = {f"{entry['urn']}::{entry['id']}": entry["inputs"].get("region") for entry in resources if _aws(entry)}
    recorded = {entry["urn"] for entry in resources}
    found: list[dict[str, Any]] = []
    for operation in deployment.get("pending_operations") or []:
        entry = operation["resource"]
        rule = identities().get(entry["type"])
        if operation["type"] != "creating" or entry["urn"] in recorded:
            continue
        if entry["type"] == JOB:
            found.append(job(entry))
        if rule is None:
            continue
        region = regions.get(entry.get("provider", ""))
        identity = identify(rule, entry.get("inputs") or {}, region, taken)
        if identity is not None:
            found.append({**entry, "id": identity, "outputs": entry.get("inputs") or {}})
            taken.add(identity)
    if not found:
        return []
    deployment["resources"] = [*resources, *found]
    deployment.pop("pending_operations")
    exported.deployment = deployment
    stack.import_stack(exported)
    urns = [entry["urn"] for entry in found]
    console.print(f"  [yellow]looking for {len(urns)} resources that a killed update may have created[/]")
    stack.refresh(target=urns, color="never")
    return urns


def job(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state's entry of a Job that may exist, in the form that the provider writes. Pure."""
    inputs: Mapping[str, Any] = entry.get("inputs") or {}
    metadata = inputs["metadata"]
    known = {"__inputs": inputs, "__initialApiVersion": inputs["apiVersion"], "__fieldManager": FIELD_MANAGER}
    return {**entry, "id": f"{metadata['namespace']}/{metadata['name']}", "outputs": {**inputs, **known}}


def identify(
    rule: str | Mapping[str, Any], inputs: Mapping[str, Any], region: str | None, taken: set[Any]
) -> str | None:
    """Return the identity of the resource with these inputs; None when AWS does not have it.

    Args:
        rule: Entry of `identities.yaml`.
        inputs: Inputs of the resource.
        region: Region of the resource.
        taken: Identities of recorded resources, which are excluded.
    """
    if isinstance(rule, str):
        return filled(rule, inputs)
    if kind := rule.get("tagged"):
        name = (inputs.get("tags") or {}).get("Name")
        filters = [
            {"Name": "resource-type", "Values": [kind]},
            {"Name": "key", "Values": ["Name"]},
            {"Name": "value", "Values": [name]},
        ]
        tags = _client("ec2", region).describe_tags(Filters=filters)["Tags"] if name else []
        return next((tag["ResourceId"] for tag in tags if tag["ResourceId"] not in taken), None)
    return _asked(rule, inputs, region, taken)


def _asked(rule: Mapping[str, Any], inputs: Mapping[str, Any], region: str | None, taken: set[Any]) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    parameters = filled(rule.get("by", {}), inputs)
    if parameters is None:
        return None
    client = _client(rule.get("service", "ec2"), region)
    try:
        answer: Any = getattr(client, rule["found"])(**parameters)
        if describe := rule.get("each"):
            answer = [
                getattr(client, describe)(**{name: entry[field] for name, field in rule["by_each"].items()})
                for entry in answer[rule["list"]]
            ]
    except (BotoCoreError, ClientError):  # the resource does not exist
        return None
    return _picked(rule["at"], answer, inputs, taken)


def _picked(paths: str | list[str], answer: object, inputs: Mapping[str, Any], taken: set[Any]) -> str | None:
    import jmespath

    for path in [paths] if isinstance(paths, str) else paths:
        expression = filled(path, inputs)
        found = jmespath.search(expression, answer) if expression else None
        for identity in found if isinstance(found, list) else [found]:
            if identity is not None and identity not in taken:
                return str(identity)
    return None


def filled(template: Any, inputs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - data of any shape
    """Return a template with inputs filled in; None when an input is absent or not a scalar."""
    if isinstance(template, dict):
        parts: dict[str, Any] = {key: filled(item, inputs) for key, item in template.items()}
        return None if None in parts.values() else parts
    if isinstance(template, list):
        items = [filled(item, inputs) for item in template]
        return None if None in items else items
    try:
        texts = {key: _text(value) for key, value in inputs.items() if isinstance(value, str | int | float)}
        return template.replace("{tags.Name}", "{Name}").format_map({**texts, **_named(inputs)})
    except KeyError:
        return None


def _named(inputs: Mapping[str, Any]) -> dict[str, str]:
    name = (inputs.get("tags") or {}).get("Name")
    return {"Name": name} if name else {}


def _text(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _aws(entry: Mapping[str, Any]) -> bool:
    return entry["type"] == "pulumi:providers:aws"


@cache
def _client(service: str, region: str | None) -> Any:  # noqa: ANN401 - boto3 has no types
    import boto3

    return boto3.client(service, region_name=region)
