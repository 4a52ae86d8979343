"""Rules on tags of AWS resources, which name their owner and cost center."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import yaml

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, at, rule
from policy.reading import entries

FILE = Path(__file__).with_name("untaggable.yaml")


@functools.cache
def untaggable() -> frozenset[str]:
    """Return the types that AWS cannot tag."""
    return frozenset(yaml.safe_load(FILE.read_text(encoding="utf-8")))


@rule(
    "tagged",
    Area.TAGS,
    Severity.LOW,
    "AWS resources have the tags of the profile",
    remedy="set the tags as the provider's defaultTags",
    types=("aws:*",),
)
def tagged(resource: Resource, stack: Stack) -> Iterator[str]:
    """A resource's own tags, and its provider's."""
    if resource.type in untaggable():
        return
    own, common = resource.at("tags"), at(resource.provider, "defaultTags", "tags")
    if own is UNKNOWN or common is UNKNOWN:
        return
    missing = set(stack.profile.tags) - {*(own or {}), *(common or {}), *(resource.at("tagsAll") or {})}
    if missing:
        yield f"lacks {', '.join(sorted(missing))}"


@rule(
    "instances-tagged",
    Area.TAGS,
    Severity.LOW,
    "Instances and volumes from launch templates have the tags of the profile",
    remedy="set tagSpecifications for instance and volume: a provider's defaultTags do not apply to them",
    types=("aws:ec2/launchTemplate:LaunchTemplate",),
)
def instances_tagged(resource: Resource, stack: Stack) -> Iterator[str]:
    """Tag specifications of launch templates."""
    found = {at(item, "resourceType"): at(item, "tags") for item in entries(resource.at("tagSpecifications"))}
    if UNKNOWN in found:
        return
    for kind in ("instance", "volume"):
        missing = set(stack.profile.tags) - set(found.get(kind) or {})
        if found.get(kind) is not UNKNOWN and missing:
            yield f"{kind} lacks {', '.join(sorted(missing))}"
