"""Rules on instances: metadata service, launch templates, no remote access."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, at, is_set, rule

INSTANCES = ("aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance")


@rule(
    "metadata-needs-session",
    Area.IDENTITY,
    Severity.HIGH,
    "Instance metadata requires a session token (IMDSv2)",
    remedy="set metadataOptions.httpTokens to required",
    types=INSTANCES,
)
def metadata_needs_session(resource: Resource, _stack: Stack) -> Iterator[str]:
    """IMDSv2."""
    tokens = resource.at("metadataOptions", "httpTokens")
    if tokens not in {"required", UNKNOWN}:
        yield f"metadataOptions.httpTokens is {tokens}"


@rule(
    "metadata-out-of-reach",
    Area.IDENTITY,
    Severity.HIGH,
    "Pods cannot reach the node's credentials",
    remedy="set metadataOptions.httpPutResponseHopLimit to 1",
    types=INSTANCES,
)
def metadata_out_of_reach(resource: Resource, _stack: Stack) -> Iterator[str]:
    """A response with hop limit 1 does not reach the network of pods."""
    limit = resource.at("metadataOptions", "httpPutResponseHopLimit")
    if limit is not UNKNOWN and limit != 1:
        yield f"metadataOptions.httpPutResponseHopLimit is {limit}"


@rule(
    "node-groups-use-templates",
    Area.IDENTITY,
    Severity.HIGH,
    "Node groups use a launch template and have no remote access",
    remedy="set launchTemplate, and remove remoteAccess",
    types=("aws:eks/nodeGroup:NodeGroup",),
)
def node_groups_use_templates(resource: Resource, _stack: Stack) -> Iterator[str]:
    """A node group without a launch template has AWS's defaults: IMDSv1, hop limit 2."""
    if not is_set(at(resource.at("launchTemplate"), "id")) and not is_set(at(resource.at("launchTemplate"), "name")):
        yield "launchTemplate is not set"
    if is_set(resource.at("remoteAccess")):
        yield "remoteAccess is set"
