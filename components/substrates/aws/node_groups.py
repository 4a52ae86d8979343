"""Managed node groups: system, CPU and GPU nodes, all from one description."""

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
"""Label by which the cluster autoscaler tells a GPU node whose GPU is not there yet from one without (README of its AWS
provider); without it, it adds nodes until the first device plugin has registered."""

GROUP_LABEL = "mlplatform/node-group"

AMI_TYPES = {False: "AL2023_x86_64_STANDARD", True: "AL2023_x86_64_NVIDIA"}
TEMPLATE_TAG = "k8s.io/cluster-autoscaler/node-template"
"""Prefix of the tags by which the autoscaler knows nodes of a group that has none."""

ROLE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""No CNI policy: pods of the CNI have a role of their own."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One node group.

    Attributes:
        name: Its name, and the value of the label `mlplatform/node-group`.
        instance_types: EC2 types of equal size; several give spot a choice.
        capacity: Whether AWS may take nodes back.
        minimum: Least number of nodes.
        maximum: Greatest number of nodes.
        initial: Number at creation; the autoscaler's from then on.
        volume_gib: Root volume of a node, in GiB.
        gpus: NVIDIA GPUs of a node; such nodes are tainted `nvidia.com/gpu`.
        labels: Further labels.
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
        site: Where.
        cluster: The cluster.
        version: Kubernetes version of the nodes.
        groups: The groups.
        subnets: Private subnets, one for each zone.
        key_arn: Key that encrypts root volumes.
        tags: Tags of instances and volumes, which default tags do not reach.
        requires: Resources without which nodes cannot join: add-ons, a way out.
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
        role_arn: Role of the nodes.
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
                # The autoscaler's from the first minute on.
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
            # One hop: pods cannot reach the node's own credentials.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            monitoring={"enabled": True},
            tag_specifications=[
                {"resource_type": kind, "tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
