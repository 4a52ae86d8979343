"""Managed node groups for system, CPU and GPU nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.substrates.aws import iam
from components.substrates.aws.cluster import Cluster
from components.substrates.aws.site import Site

GPU_TAINT = "nvidia.com/gpu"
GPU_LABEL = "mlplatform/accelerator"
AUTOSCALER_GPU_LABEL = "k8s.amazonaws.com/accelerator"
"""Label that tells the cluster autoscaler that a node will have a GPU (README of its AWS provider). Without it, the
autoscaler adds more nodes until the first device plugin has registered."""

GROUP_LABEL = "mlplatform/node-group"

AMI_TYPES = {False: "AL2023_x86_64_STANDARD", True: "AL2023_x86_64_NVIDIA"}
TEMPLATE_TAG = "k8s.io/cluster-autoscaler/node-template"
"""Prefix of the tags that describe a future node of an empty group to the autoscaler."""

ROLE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Without the CNI policy, because the pods of the CNI have their own role."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One node group.

    Attributes:
        name: Name of the group, and value of the label `mlplatform/node-group`.
        instance_types: EC2 types of equal size; with several, AWS can choose among spot markets.
        capacity: `spot` nodes are cheaper, and AWS may reclaim them.
        minimum: Minimum number of nodes.
        maximum: Maximum number of nodes.
        initial: Number of nodes at creation; the autoscaler changes it afterwards.
        volume_gib: Root volume of a node, in GiB.
        gpus: NVIDIA GPUs per node; nodes with GPUs have the taint `nvidia.com/gpu`.
        labels: Additional labels.
    """

    name: str
    instance_types: Sequence[str]
    capacity: Literal["on-demand", "spot"]
    minimum: int
    maximum: int
    initial: int
    volume_gib: int
    gpus: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def node_labels(self) -> dict[str, str]:
        """Return the labels of the group's nodes."""
        return {GROUP_LABEL: self.name, **self._accelerator(), **self.labels}

    def _accelerator(self) -> dict[str, str]:
        if not self.gpus:
            return {}
        families = dict.fromkeys(kind.partition(".")[0] for kind in self.instance_types)
        return {GPU_LABEL: "nvidia", AUTOSCALER_GPU_LABEL: "-".join(["nvidia", *families])}

    def template_tags(self) -> dict[str, str]:
        """Return the tags that describe a node of the group to the autoscaler."""
        tags = {f"{TEMPLATE_TAG}/label/{key}": value for key, value in self.node_labels().items()}
        if self.gpus:
            tags[f"{TEMPLATE_TAG}/taint/{GPU_TAINT}"] = "present:NoSchedule"
            tags[f"{TEMPLATE_TAG}/resources/{GPU_TAINT}"] = str(self.gpus)
        return tags


@dataclass(frozen=True, kw_only=True)
class NodeGroupsArgs:
    """Arguments of `NodeGroups`.

    Attributes:
        site: Account, region and names.
        cluster: The cluster.
        version: Kubernetes version of the nodes.
        groups: The groups.
        subnets: Private subnets, one per zone.
        key_arn: Key that encrypts root volumes.
        tags: Tags of instances and volumes, to which default tags do not apply.
        requires: Resources that nodes need to join: add-ons, a route to the internet.
    """

    site: Site
    cluster: Cluster
    version: str
    groups: Sequence[Group]
    subnets: Sequence[pulumi.Input[str]]
    key_arn: pulumi.Input[str]
    tags: Mapping[str, str]
    requires: Sequence[pulumi.Resource]


class NodeGroups(pulumi.ComponentResource):
    """The node groups of a cluster.

    Attributes:
        role_arn: IAM role of the nodes.
        resources: The groups, by name.
    """

    role_arn: pulumi.Output[str]
    resources: Mapping[str, pulumi.Resource]

    def __init__(self, name: str, args: NodeGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:NodeGroups", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role, granted = iam.service_role(
            f"{name}-role", args.site.name("node"), iam.plain_service_trust("ec2.amazonaws.com"), ROLE_POLICIES, child
        )
        self.role_arn = role.arn
        self.resources = {group.name: self._group(name, group, args, granted) for group in args.groups}
        self.register_outputs({})

    def _group(
        self, name: str, group: Group, args: NodeGroupsArgs, granted: Sequence[pulumi.Resource]
    ) -> aws.eks.NodeGroup:
        label = f"{name}-{group.name}"
        template = self._launch_template(label, group, args)
        taints = [{"key": GPU_TAINT, "value": "present", "effect": "NO_SCHEDULE"}] if group.gpus else None
        made = aws.eks.NodeGroup(
            label,
            cluster_name=args.cluster.resource_name,
            node_group_name=group.name,
            node_role_arn=self.role_arn,
            version=args.version,
            ami_type=AMI_TYPES[group.gpus > 0],
            capacity_type=group.capacity.upper().replace("-", "_"),
            instance_types=list(group.instance_types),
            subnet_ids=list(args.subnets),
            scaling_config={"min_size": group.minimum, "max_size": group.maximum, "desired_size": group.initial},
            update_config={"max_unavailable_percentage": 33},
            node_repair_config={"enabled": True},
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels=group.node_labels(),
            taints=taints,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*granted, *args.requires],
                # The autoscaler changes it after creation.
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )
        group_name = made.resources[0].autoscaling_groups[0].name
        for key, value in group.template_tags().items():
            aws.autoscaling.Tag(
                f"{label}-{key.removeprefix(TEMPLATE_TAG + '/')}",
                autoscaling_group_name=group_name,
                tag={"key": key, "value": value, "propagate_at_launch": False},
                opts=pulumi.ResourceOptions(parent=self),
            )
        return made

    def _launch_template(self, label: str, group: Group, args: NodeGroupsArgs) -> aws.ec2.LaunchTemplate:
        tags = {**args.tags, "Name": args.site.name(group.name)}
        return aws.ec2.LaunchTemplate(
            label,
            name=args.site.name(group.name),
            update_default_version=True,
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": group.volume_gib,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "kms_key_id": args.key_arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            # A hop limit of one keeps pods from the node's own credentials.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            monitoring={"enabled": True},
            tag_specifications=[
                {"resource_type": kind, "tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
