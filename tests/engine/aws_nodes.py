"""Nodes of the emulated account's node groups, with labels, taints, zones, capacity and GPUs as on EKS.

Sizes come from EC2's description of the instance type, reserved resources from the formula of the EKS AMI (255 MiB and
11 MiB per pod; CPU 6 %, 1 %, 0.5 %, 0.25 % by core; 100 MiB for eviction).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from providers.aws_emulation.emulation import Emulation

EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
PODS = 110
"""Maximum number of pods on a node with prefix delegation."""

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Size:
    """Capacity of an instance type."""

    cpus: int
    memory_mib: int
    gpus: int


@dataclass(frozen=True)
class Group:
    """A node group as the account describes it."""

    name: str
    description: dict[str, Any]
    zones: tuple[tuple[str, str], ...]
    """Zone and id of each subnet."""

    @property
    def scaling(self) -> dict[str, int]:
        return self.description["scalingConfig"]

    @property
    def instance_type(self) -> str:
        return self.description["instanceTypes"][0]


def groups(account: Emulation) -> list[Group]:
    """Return the node groups of every cluster of the account."""
    eks, ec2 = account.client("eks"), account.client("ec2")
    found: list[Group] = []
    for cluster in eks.list_clusters()["clusters"]:
        for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
            described = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
            subnets = ec2.describe_subnets(SubnetIds=described["subnets"])["Subnets"]
            zones = tuple(sorted((entry["AvailabilityZone"], entry["SubnetId"]) for entry in subnets))
            found.append(Group(name, described, zones))
    return found


@cache
def size(account: Emulation, instance_type: str) -> Size:
    """Return the capacity of an instance type, from EC2's description."""
    (found,) = account.client("ec2").describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
    gpus = sum(entry["Count"] for entry in found.get("GpuInfo", {}).get("Gpus", []))
    return Size(found["VCpuInfo"]["DefaultVCpus"], found["MemoryInfo"]["SizeInMiB"], gpus)


def allocatable(has: Size) -> dict[str, str]:
    """Return the resources that pods on a node may request."""
    shares = [60, 10, 5, 5]
    reserved = sum(shares[core] if core < len(shares) else 2.5 for core in range(has.cpus))
    memory = has.memory_mib - (255 + 11 * PODS) - 100
    return {"cpu": f"{has.cpus * 1000 - round(reserved)}m", "memory": f"{memory}Mi", "pods": str(PODS)}


def node(group: Group, index: int, has: Size, region: str) -> dict[str, Any]:
    """Return the Node object of one machine of a group."""
    zone, subnet = group.zones[index % len(group.zones)]
    name = f"{group.name}-{index}.{region}.compute.internal"
    labels = {
        **(group.description.get("labels") or {}),
        "eks.amazonaws.com/nodegroup": group.name,
        "eks.amazonaws.com/capacityType": group.description.get("capacityType", "ON_DEMAND"),
        "node.kubernetes.io/instance-type": group.instance_type,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    taints = [
        {"key": taint["key"], "value": taint.get("value", ""), "effect": EFFECTS[taint["effect"]]}
        for taint in group.description.get("taints") or []
    ]
    room = allocatable(has)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"test/subnet": subnet}},
        "spec": {"taints": taints, "providerID": f"aws:///{zone}/i-{group.name}-{index}"},
        "status": {"capacity": {**room, "cpu": str(has.cpus)}, "allocatable": room, "conditions": [ready()]},
    }


def ready() -> dict[str, str]:
    """Return the condition of a ready node."""
    moment = "2026-01-01T00:00:00Z"
    return {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "",
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }
