"""Rule on versions in AWS's standard support."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, rule
from policy.support import WARNING_DAYS, table

ENGINES = {"aws:rds/instance:Instance": None, "aws:elasticache/replicationGroup:ReplicationGroup": "redis"}
"""Types whose input `engine` is the product, with AWS's default for that input."""

PARTS = {"eks": 2, "mysql": 2}
"""Number of parts in a major version: 8.4 for `8.4.6`, 17 for `17.6`."""


def product_of(resource: Resource) -> tuple[object, object]:
    """Return the product of a resource, as in support.yaml, and its full version."""
    if resource.type in ENGINES:
        return resource.at("engine") or ENGINES[resource.type], resource.at("engineVersion")
    return "eks", resource.at("version")


def major(product: str, version: str) -> str:
    """Return the major version, for which AWS announces the end of support."""
    return ".".join(version.split(".")[: PARTS.get(product, 1)])


@rule(
    "versions-supported",
    Area.SUPPORT,
    Severity.HIGH,
    "Kubernetes, databases and Redis run versions in AWS's standard support",
    remedy="raise the version in the stack's settings as described in docs/aws.md; a new version needs a row in "
    "policy/support.yaml",
    types=("aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup", *ENGINES),
)
def versions_supported(resource: Resource, stack: Stack) -> Iterator[Problem]:
    """After the end of support AWS charges for extended support or upgrades automatically; warn in time."""
    product, version = product_of(resource)
    # Another rule requires a version; a node group without a version has that of the cluster.
    if version is None or UNKNOWN in (product, version):
        return
    wanted = major(str(product), str(version))
    row = table().get(str(product), {}).get(wanted)
    if row is None:
        yield Problem("", f"{product} {wanted} has no row in policy/support.yaml: its end of support is not known")
    elif row.ends is not None and row.ends < stack.today:
        yield Problem("", f"{product} {wanted} left standard support on {row.ends} ({row.source})")
    elif row.ends is not None and (row.ends - stack.today).days <= WARNING_DAYS:
        left = (row.ends - stack.today).days
        yield Problem("", f"{product} {wanted} leaves standard support on {row.ends}, in {left} days", warning=True)
