"""Parses rendered manifests, removes parts without effect, and writes them in a stable order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

Object = dict[str, Any]
"""A Kubernetes object as plain data."""

HOOK = "helm.sh/hook"
"""Annotation prefix of Helm's hooks, which have no effect: Pulumi orders the objects."""

NESTED = ("items", "not", "additionalProperties", "additionalItems")
NESTED_LISTS = ("allOf", "anyOf", "oneOf")
NESTED_MAPS = ("properties", "patternProperties", "definitions")


def without_descriptions(schema: object) -> object:
    """Return an OpenAPI schema without its `description` texts; keep properties called `description`."""
    if not isinstance(schema, dict):
        return schema
    pruned: dict[str, object] = {}
    for key, value in schema.items():
        if key == "description" and isinstance(value, str):
            continue
        if key in NESTED_MAPS and isinstance(value, dict):
            pruned[key] = {name: without_descriptions(inner) for name, inner in value.items()}
        elif key in NESTED_LISTS and isinstance(value, list):
            pruned[key] = [without_descriptions(inner) for inner in value]
        elif key in NESTED and isinstance(value, dict):
            pruned[key] = without_descriptions(value)
        else:
            pruned[key] = value
    return pruned


def pruned_crd(crd: Object) -> Object:
    """Return a CustomResourceDefinition without descriptions and status."""
    spec = dict(crd["spec"])
    spec["versions"] = [
        {key: without_descriptions_of(key, value) for key, value in version.items()} for version in spec["versions"]
    ]
    return {**{key: value for key, value in crd.items() if key != "status"}, "spec": spec}


def without_descriptions_of(key: str, value: object) -> object:
    """Return a field of a CRD's version; remove the descriptions if it is the schema."""
    if key != "schema" or not isinstance(value, dict):
        return value
    return {name: without_descriptions(inner) for name, inner in value.items()}


def without_nulls(value: object) -> object:
    """Return `value` without mapping entries that are null, such as `creationTimestamp: null`."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


def without_empty_lists(value: object) -> object:
    """Return `value` without mapping entries that are empty lists, which the API server drops as well."""
    if isinstance(value, dict):
        return {key: without_empty_lists(inner) for key, inner in value.items() if inner != []}
    if isinstance(value, list):
        return [without_empty_lists(inner) for inner in value]
    return value


def without_hooks(item: Object) -> Object | None:
    """Return the object without Helm's hook annotations; None for a test hook, which is not part of the release."""
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    if annotations.get(HOOK, "").startswith("test"):
        return None
    kept = {key: value for key, value in annotations.items() if not key.startswith(HOOK)}
    metadata = {key: value for key, value in item["metadata"].items() if key != "annotations"}
    return {**item, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


def is_crd(item: Object) -> bool:
    """Return whether the object is a CustomResourceDefinition."""
    return item["kind"] == "CustomResourceDefinition"


def key(item: Object) -> tuple[str, str, str, str]:
    """Return the identity of an object: apiVersion, kind, namespace, name."""
    metadata = item["metadata"]
    return item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"]


def parse(text: str) -> Iterator[Object]:
    """Yield the objects of a YAML stream; yield the items of a List one by one."""
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if not isinstance(document, dict):
            continue
        if document.get("kind", "").endswith("List") and "items" in document:
            yield from document["items"]
        elif "kind" in document:
            yield document


def tidy(objects: Iterable[Object]) -> list[Object]:
    """Return the pruned objects, sorted by key.

    Raises:
        ValueError: Two objects have the same key.
    """
    found: dict[tuple[str, str, str, str], Object] = {}
    for item in objects:
        kept = without_hooks({name: without_nulls(value) for name, value in item.items() if value is not None})
        if kept is None:
            continue
        if key(kept) in found:
            raise ValueError(f"rendered twice: {' '.join(key(kept))}")
        if is_crd(kept):
            found[key(kept)] = pruned_crd(kept)
        else:
            found[key(kept)] = {name: without_empty_lists(value) for name, value in kept.items() if value != []}
    return [found[name] for name in sorted(found)]


def dump(objects: Iterable[Object]) -> str:
    """Return the objects as a YAML stream; equal input gives identical bytes."""
    return "".join(
        f"---\n{yaml.dump(item, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=1000)}"
        for item in objects
    )


def digest(text: str) -> str:
    """Return the sha256 of `text` in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
