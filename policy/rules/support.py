"""Versions are those that AWS supports, today and for some time to come."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, rule
from policy.support import WARNING_DAYS, table

ENGINES = {"aws:rds/instance:Instance": None, "aws:elasticache/replicationGroup:ReplicationGroup": "redis"}
"""Types whose input `engine` names the product, with AWS's default of it."""

PARTS = {"eks": 2, "mysql": 2}
"""Parts of a version that make it a major one: `8.4.6` is 8.4, `17.6` is 17."""


def product_of(resource: Resource) -> tuple[object, object]:
    """Return what a resource runs, by its name in support.yaml, and the full version of it."""
    if resource.type in ENGINES:
        return resource.at("engine") or ENGINES[resource.type], resource.at("engineVersion")
    return "eks", resource.at("version")


def major(product: str, version: str) -> str:
    """Return the part of a version by which AWS ends support."""
    return ".".join(version.split(".")[: PARTS.get(product, 1)])


@rule(
    "versions-supported",
    Area.SUPPORT,
    Severity.HIGH,
    "Kubernetes, databases and Redis run versions in AWS's standard support",
    remedy="raise the version in the stack's settings, as docs/aws.md says; a new version needs a row in "
    "policy/support.yaml",
    types=("aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup", *ENGINES),
)
def versions_supported(resource: Resource, stack: Stack) -> Iterator[Problem]:
    """After the end, AWS charges for extended support, or upgrades by itself; before it, this warns."""
    product, version = product_of(resource)
    # That there is a version at all is another rule's; a node group without one gets the cluster's.
    if version is None or UNKNOWN in (product, version):
        return
    wanted = major(str(product), str(version))
    row = table().get(str(product), {}).get(wanted)
    if row is None:
        yield Problem("", f"{product} {wanted} has no row in policy/support.yaml: nobody knows its end of support")
    elif row.ends is not None and row.ends < stack.today:
        yield Problem("", f"{product} {wanted} left standard support on {row.ends} ({row.source})")
    elif row.ends is not None and (row.ends - stack.today).days <= WARNING_DAYS:
        left = (row.ends - stack.today).days
        yield Problem("", f"{product} {wanted} leaves standard support on {row.ends}, in {left} days", warning=True)
