"""Rules on redundancy: zones, replicas, disruption budgets."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import ENVOY_PROXY, entries, pod, proxy_deployment

DISRUPTION_BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
SCALERS = ("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "kubernetes:keda.sh/*:ScaledObject")


@rule(
    "databases-in-two-zones",
    Area.AVAILABILITY,
    Severity.HIGH,
    "Databases have a standby in a second zone where the profile requires it",
    remedy="set multiAz",
    types=("aws:rds/instance:Instance",),
)
def databases_in_two_zones(resource: Resource, stack: Stack) -> Iterator[str]:
    """RDS multi-AZ."""
    if stack.profile.multi_az and not is_true(resource.at("multiAz")):
        yield f"multiAz is {resource.at('multiAz')}"


@rule(
    "redis-in-two-zones",
    Area.AVAILABILITY,
    Severity.HIGH,
    "Redis fails over to a second zone where the profile requires it",
    remedy="set multiAzEnabled, automaticFailoverEnabled and a replica",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_in_two_zones(resource: Resource, stack: Stack) -> Iterator[str]:
    """ElastiCache failover."""
    if not stack.profile.multi_az:
        return
    yield from (
        f"{flag} is {resource.at(flag)}"
        for flag in ("multiAzEnabled", "automaticFailoverEnabled")
        if not is_true(resource.at(flag))
    )
    nodes, replicas = resource.at("numCacheClusters"), resource.at("replicasPerNodeGroup")
    if isinstance(nodes, int | float) and nodes < 2 and not is_set(replicas):
        yield "has no replica"


@rule(
    "way-out-in-each-zone",
    Area.AVAILABILITY,
    Severity.MEDIUM,
    "Each zone has its own NAT gateway where the profile requires it",
    remedy="declare a NatGateway for each zone with private subnets",
    types=("aws:ec2/vpc:Vpc",),
)
def way_out_in_each_zone(resource: Resource, stack: Stack) -> Iterator[str]:
    """NAT gateways."""
    if not stack.profile.multi_az:
        return
    subnets = list(stack.about(resource, "aws:ec2/subnet:Subnet", "vpcId"))
    zones = {subnet.at("availabilityZone") for subnet in subnets}
    gateways = list(stack.of("aws:ec2/natGateway:NatGateway"))
    if gateways and len(gateways) < len(zones):
        yield f"{len(gateways)} NatGateways for {len(zones)} zones"


@rule(
    "cluster-in-two-zones",
    Area.AVAILABILITY,
    Severity.HIGH,
    "The control plane reaches nodes in at least two zones",
    remedy="give vpcConfig.subnetIds subnets of two or more zones",
    types=("aws:eks/cluster:Cluster",),
)
def cluster_in_two_zones(resource: Resource, stack: Stack) -> Iterator[str]:
    """EKS subnets."""
    named = set(entries(resource.at("vpcConfig", "subnetIds")))
    zones = {subnet.at("availabilityZone") for subnet in stack.of("aws:ec2/subnet:Subnet") if subnet.id in named}
    if named and zones and len(zones) < 2:
        yield f"all subnets are in {', '.join(map(str, zones))}"


def same_namespace(one: Resource, other: Resource) -> bool:
    """Tell whether two objects are, or may be, in the same namespace."""
    names = {one.at("metadata", "namespace"), other.at("metadata", "namespace")}
    return len(names) == 1 or UNKNOWN in names


@rule(
    "drains-are-survived",
    Area.AVAILABILITY,
    Severity.MEDIUM,
    "Workloads with several replicas keep some of them while nodes are drained",
    remedy="declare a PodDisruptionBudget whose selector matches the pods' labels",
    types=("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet", ENVOY_PROXY),
)
def drains_are_survived(resource: Resource, stack: Stack) -> Iterator[str]:
    """PodDisruptionBudgets of workloads with more than one replica; Envoy Gateway creates that of its proxies."""
    if resource.kind == "EnvoyProxy":
        envoys = proxy_deployment(resource).get("replicas") or 1
        if envoys > 1 and not is_set(resource.at("spec", "provider", "kubernetes", "envoyPDB")):
            yield f"{envoys} replicas and no envoyPDB"
        return
    found = pod(resource)
    if found is None or found.replicas is None or found.replicas < 2:
        return
    budgets = [
        budget
        for budget in stack.of(DISRUPTION_BUDGET)
        if same_namespace(budget, resource)
        and (wanted := budget.at("spec", "selector", "matchLabels"))
        and wanted.items() <= found.labels.items()
    ]
    if not budgets:
        yield f"{found.replicas} replicas and no PodDisruptionBudget"
    for budget in budgets:
        spec = budget.at("spec")
        if at(spec, "maxUnavailable") in (0, "0%") or at(spec, "minAvailable") in ("100%", found.replicas):
            yield f"PodDisruptionBudget {budget.name} prevents the draining of nodes"


@rule(
    "servers-have-replicas",
    Area.AVAILABILITY,
    Severity.MEDIUM,
    "Servers for users have the number of replicas that the profile requires",
    remedy="set replicas, or the minimum of an autoscaler",
    types=("kubernetes:apps/v1:Deployment", ENVOY_PROXY),
)
def servers_have_replicas(resource: Resource, stack: Stack) -> Iterator[str]:
    """Deployments that a Service of the same namespace selects, and the Envoys of the gateway."""
    if resource.kind == "EnvoyProxy":
        envoys = proxy_deployment(resource).get("replicas") or 1
        if envoys < stack.profile.replicas:
            yield f"{envoys} replicas, less than {stack.profile.replicas}"
        return
    found = pod(resource)
    selectors = [
        service.at("spec", "selector")
        for service in stack.of("kubernetes:core/v1:Service")
        if same_namespace(service, resource)
    ]
    if found is None or found.replicas is None or found.replicas >= stack.profile.replicas:
        return
    scaled = {other.at("spec", "scaleTargetRef", "name") for other in stack.of(*SCALERS)}
    served = any(wanted and wanted.items() <= found.labels.items() for wanted in selectors)
    if served and resource.at("metadata", "name") not in scaled:
        yield f"{found.replicas} replicas, less than {stack.profile.replicas}"
