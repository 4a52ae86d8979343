"""Kubernetes objects from plain data: one ordinary Pulumi resource each, in a fixed order."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml

from components.kubernetes import pod_security
from components.kubernetes.transformations import Object, Transformation, apply_all, with_namespace

TABLE = Path(__file__).with_name("kinds.yaml")

COMMON_FIELDS = {"apiVersion", "kind", "metadata", "status"}


@functools.cache
def _table() -> tuple[dict[str, int], dict[str, str]]:
    """Return the group number by kind and the SDK module by API group."""
    table = yaml.safe_load(TABLE.read_text())
    return {kind: number for number, kinds in enumerate(table["order"]) for kind in kinds}, table["groups"]


def order_of(item: Object) -> int:
    """Return the number of the group in which the object is created; custom resources come last."""
    ranks, groups = _table()
    group = item["apiVersion"].rpartition("/")[0]
    return ranks.get(item["kind"], max(ranks.values()) + 1) if group in groups else max(ranks.values()) + 1


def grouped(objects: Iterable[Object]) -> list[list[Object]]:
    """Return the objects in groups, in order of creation, each sorted by kind, namespace and name."""
    by_order: dict[int, list[Object]] = {}
    for item in objects:
        by_order.setdefault(order_of(item), []).append(item)
    return [sorted(by_order[number], key=path_of) for number in sorted(by_order)]


def path_of(item: Object) -> str:
    """Return `Kind/namespace/name`, or `Kind/name` for an object without a namespace."""
    metadata = item["metadata"]
    return "/".join(part for part in (item["kind"], metadata.get("namespace"), metadata["name"]) if part)


def snake_case(field: str) -> str:
    """Return the SDK's name of a top-level field: `role_ref` for `roleRef`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), field)


@functools.cache
def resource_class(api_version: str, kind: str) -> Callable[..., pulumi.CustomResource] | None:
    """Return the SDK's class of a built-in kind; None for a custom resource.

    Raises:
        ValueError: The API group is built in but has no such version or kind.
    """
    group, _, version = api_version.rpartition("/")
    module = _table()[1].get(group)
    if module is None:
        return None
    try:
        return getattr(importlib.import_module(f"pulumi_kubernetes.{module}.{version}"), kind)
    except (ImportError, AttributeError):
        raise ValueError(f"pulumi_kubernetes has no {kind} of {api_version}") from None


def declare(name: str, item: Object, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Declare one object as a resource called `name`.

    Raises:
        ValueError: A custom resource has a top-level field other than `spec`.
    """
    fields: dict[str, Any] = {key: value for key, value in item.items() if key not in COMMON_FIELDS}
    found = resource_class(item["apiVersion"], item["kind"])
    if found is not None:
        typed = {snake_case(key): value for key, value in fields.items()}
        return found(name, opts=opts, metadata=item["metadata"], **typed)
    if unknown := sorted(set(fields) - {"spec"}):
        raise ValueError(f"{path_of(item)}: a custom resource may have no top-level {', '.join(unknown)}")
    return k8s.apiextensions.CustomResource(
        name,
        api_version=item["apiVersion"],
        kind=item["kind"],
        metadata=item["metadata"],
        spec=fields.get("spec"),
        opts=opts,
    )


def namespace(name: str) -> Object:
    """Return a Namespace that enforces Pod Security's `restricted` level."""
    labels = {
        "app.kubernetes.io/part-of": "mlplatform",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": pod_security.VERSION,
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@dataclass(frozen=True, kw_only=True)
class ManifestsArgs:
    """Arguments of `Manifests`.

    Attributes:
        objects: Objects as plain data; values may be Pulumi inputs.
        namespace: Namespace of the namespaced objects that name none; None leaves them unchanged.
        transformations: Applied to every object in turn; a transformation that returns None drops the object.
    """

    objects: Sequence[Object]
    namespace: str | None = None
    transformations: Sequence[Transformation] = ()


class Manifests(pulumi.ComponentResource):
    """A set of Kubernetes objects, each a resource of its own.

    Attributes:
        resources: Resource by `Kind/namespace/name` (`Kind/name` without a namespace).
    """

    resources: Mapping[str, pulumi.CustomResource]

    def __init__(self, name: str, args: ManifestsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:kubernetes:Manifests", name, None, opts)
        first = [with_namespace(args.namespace)] if args.namespace else []
        resources: dict[str, pulumi.CustomResource] = {}
        before: list[pulumi.Resource] = []
        for group in grouped(apply_all(args.objects, [*first, *args.transformations])):
            made: list[pulumi.Resource] = []
            for item in group:
                path = path_of(item)
                if path in resources:
                    raise ValueError(f"{name}: declared twice: {path}")
                options = pulumi.ResourceOptions(
                    parent=self, depends_on=before, delete_before_replace=item["kind"] == "Job" or None
                )
                resources[path] = declare(f"{name}/{path}", item, options)
                made.append(resources[path])
            before = made
        self.resources = resources
        self.register_outputs({})
