"""Rules against public access: buckets, API server, security groups, databases, instances, load balancers."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import entries, open_to_all

BUCKET = "aws:s3/bucket:Bucket"
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@rule(
    "buckets-block-public-access",
    Area.EXPOSURE,
    Severity.CRITICAL,
    "Buckets block all public access",
    remedy=f"declare a BucketPublicAccessBlock with {', '.join(BLOCKS)}",
    types=(BUCKET,),
)
def buckets_block_public_access(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 public access block."""
    found = list(stack.about(resource, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "bucket"))
    if not found:
        yield "no BucketPublicAccessBlock"
    for block in found:
        yield from (f"{flag} is {block.at(flag)}" for flag in BLOCKS if not is_true(block.at(flag)))


@rule(
    "buckets-without-acls",
    Area.EXPOSURE,
    Severity.HIGH,
    "Buckets are owned by the account alone, without access control lists",
    remedy="declare BucketOwnershipControls with BucketOwnerEnforced, and no acl",
    types=(BUCKET, "aws:s3/bucketAcl:BucketAcl"),
)
def buckets_without_acls(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 object ownership."""
    if resource.type != BUCKET or is_set(resource.at("acl")):
        yield f"acl is {resource.at('acl')}"
        return
    found = stack.about(resource, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", "bucket")
    modes = [at(item, "objectOwnership") for other in found for item in entries(other.at("rule"))]
    if not modes or any(mode not in {"BucketOwnerEnforced", UNKNOWN} for mode in modes):
        yield f"objectOwnership is {', '.join(map(str, modes)) or 'not set'}"


@rule(
    "cluster-endpoint-private",
    Area.EXPOSURE,
    Severity.CRITICAL,
    "The API server is private, or open to listed networks only",
    remedy="set endpointPrivateAccess, and endpointPublicAccess to false or publicAccessCidrs to your own networks",
    types=("aws:eks/cluster:Cluster",),
)
def cluster_endpoint_private(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EKS endpoint; without a list of networks AWS opens it to everybody."""
    vpc = resource.at("vpcConfig")
    if not is_true(at(vpc, "endpointPrivateAccess")):
        yield "endpointPrivateAccess is not true"
    if at(vpc, "endpointPublicAccess") is False or at(vpc, "endpointPublicAccess") is UNKNOWN:
        return
    networks = at(vpc, "publicAccessCidrs")
    if not is_set(networks):
        yield "endpointPublicAccess without publicAccessCidrs is open to 0.0.0.0/0"
    yield from (f"publicAccessCidrs contains {network}" for network in entries(networks) if open_to_all(network))


@rule(
    "ingress-not-from-everywhere",
    Area.EXPOSURE,
    Severity.CRITICAL,
    "Security groups are not open to every network",
    remedy="list the networks or security groups that may connect",
    types=(
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
)
def ingress_not_from_everywhere(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Every form of a security group's ingress."""
    if resource.type.endswith(":SecurityGroup"):
        rules = entries(resource.at("ingress"))
    else:
        rules = [resource.inputs] if resource.at("type") in {None, "ingress"} else []
    for item in rules:
        for key in ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6"):
            yield from (f"{key} contains {network}" for network in entries(at(item, key)) if open_to_all(network))


@rule(
    "default-security-group-closed",
    Area.EXPOSURE,
    Severity.MEDIUM,
    "A VPC's default security group allows no traffic",
    remedy="declare a DefaultSecurityGroup for the VPC without ingress and egress",
    types=("aws:ec2/vpc:Vpc",),
)
def default_security_group_closed(resource: Resource, stack: Stack) -> Iterator[str]:
    """Default security group, which applies to resources without a security group."""
    found = list(stack.about(resource, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId"))
    if not found:
        yield "no DefaultSecurityGroup"
    for group in found:
        yield from (f"{way} has rules" for way in ("ingress", "egress") if group.at(way) not in (None, [], UNKNOWN))


@rule(
    "databases-private",
    Area.EXPOSURE,
    Severity.CRITICAL,
    "Databases have no public address",
    remedy="set publiclyAccessible to false",
    types=("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"),
)
def databases_private(resource: Resource, _stack: Stack) -> Iterator[str]:
    """RDS."""
    if resource.at("publiclyAccessible") not in {False, UNKNOWN}:
        yield f"publiclyAccessible is {resource.at('publiclyAccessible')}"


@rule(
    "nodes-without-public-addresses",
    Area.EXPOSURE,
    Severity.HIGH,
    "Instances have no public address",
    remedy="set mapPublicIpOnLaunch of the subnet, and associatePublicIpAddress of the launch template, to false",
    types=("aws:ec2/subnet:Subnet", "aws:ec2/launchTemplate:LaunchTemplate"),
)
def nodes_without_public_addresses(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Subnets and launch templates."""
    if resource.at("mapPublicIpOnLaunch") is True:
        yield "mapPublicIpOnLaunch is true"
    for item in entries(resource.at("networkInterfaces")):
        if at(item, "associatePublicIpAddress") in {True, "true"}:
            yield "associatePublicIpAddress is true"


def _sources(spec: object) -> bool:
    found = entries(at(spec, "loadBalancerSourceRanges"))
    return bool(found) and not any(map(open_to_all, found))


INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"
"""Annotation of the installed controller, AWS's cloud controller manager in EKS' control plane. `...-scheme: internal`
belongs to the AWS Load Balancer Controller, which is not installed; with it the load balancer would be public."""


@rule(
    "load-balancers-listed",
    Area.EXPOSURE,
    Severity.HIGH,
    "Load balancers are internal, or open to listed networks only",
    remedy=f"annotate the Service {INTERNAL}: true, or set loadBalancerSourceRanges",
    types=("kubernetes:core/v1:Service", "kubernetes:gateway.envoyproxy.io/*:EnvoyProxy"),
)
def load_balancers_listed(resource: Resource, _stack: Stack) -> Iterator[str | Problem]:
    """Services, and the one that Envoy Gateway creates for its proxies."""
    service = resource.at("spec")
    notes = resource.at("metadata", "annotations")
    if resource.kind == "EnvoyProxy":
        service = resource.at("spec", "provider", "kubernetes", "envoyService")
        notes = at(service, "annotations")
        if service is None:
            yield "no envoyService: Envoy Gateway creates a public load balancer by default"
            return
    kind = at(service, "type") or ("LoadBalancer" if resource.kind == "EnvoyProxy" else "ClusterIP")
    if kind == "NodePort":
        yield "type is NodePort, which opens a port on every node"
    if kind == "LoadBalancer" and not is_true(at(notes, INTERNAL)) and not _sources(service):
        yield "type is LoadBalancer, without the internal annotation and without limited loadBalancerSourceRanges"
