"""Volumes for pods: encrypted gp3 by default, and a shared file system (EFS) for volumes that several nodes use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.substrates.aws import iam
from components.substrates.aws.security_groups import security_group
from components.substrates.aws.site import Site
from components.substrates.contract import StorageClasses

NFS = 2049
RWO, RWX = "gp3", "efs"


@dataclass(frozen=True, kw_only=True)
class VolumesArgs:
    """Arguments of `Volumes`.

    Attributes:
        site: Account, region and names.
        kubernetes: Provider of the cluster.
        vpc_id: The VPC.
        subnets: Private subnets, in which nodes mount the shared file system.
        node_security_group: Security group of the nodes.
        key_arn: Key that encrypts volumes and file system.
    """

    site: Site
    kubernetes: k8s.Provider
    vpc_id: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    node_security_group: pulumi.Input[str]
    key_arn: pulumi.Input[str]


def mounts_with_tls(arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the file system's policy: allow clients that reach a mount target, and require TLS.

    A file system with a policy no longer allows all clients by default. The security group of the mount targets decides
    who can reach them.
    """
    return iam.document(
        [
            {
                "Sid": "ThroughMountTargets",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"elasticfilesystem:Client{right}" for right in ("Mount", "Write", "RootAccess")],
                "Resource": arn,
                "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
            },
            {
                "Sid": "DenyInsecureTransport",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "*",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]
    )


class Volumes(pulumi.ComponentResource):
    """The StorageClasses, and the file system behind the shared one."""

    classes: StorageClasses

    def __init__(self, name: str, args: VolumesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Volumes", name, None, opts)
        shared, targets = self._file_system(name, args)
        kubernetes = pulumi.ResourceOptions(parent=self, provider=args.kubernetes)
        k8s.storage.v1.StorageClass(
            f"{name}-{RWO}",
            metadata={"name": RWO, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": args.key_arn},
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            # Create a volume in the zone of its pod, not in a zone in which the pod does not fit.
            volume_binding_mode="WaitForFirstConsumer",
            opts=kubernetes,
        )
        k8s.storage.v1.StorageClass(
            f"{name}-{RWX}",
            metadata={"name": RWX},
            provisioner="efs.csi.aws.com",
            parameters={
                "provisioningMode": "efs-ap",
                "fileSystemId": shared.id,
                "directoryPerms": "770",
                "gidRangeStart": "10000",
                "gidRangeEnd": "20000",
                "basePath": "/volumes",
            },
            mount_options=["tls"],
            reclaim_policy="Delete",
            volume_binding_mode="Immediate",
            opts=pulumi.ResourceOptions(parent=self, provider=args.kubernetes, depends_on=targets),
        )
        self.classes = StorageClasses(rwo=RWO, rwx=RWX)
        self.register_outputs({})

    def _file_system(self, name: str, args: VolumesArgs) -> tuple[aws.efs.FileSystem, list[pulumi.Resource]]:
        child = pulumi.ResourceOptions(parent=self)
        label, title = f"{name}-shared", args.site.name("shared")
        group = security_group(
            label,
            title,
            args.vpc_id,
            port=NFS,
            description="NFS from nodes to the shared file system",
            ingress="NFS from nodes",
            source_group=args.node_security_group,
            opts=child,
        )
        system = aws.efs.FileSystem(
            label,
            creation_token=title,
            encrypted=True,
            kms_key_id=args.key_arn,
            throughput_mode="elastic",
            lifecycle_policies=[
                {"transition_to_ia": "AFTER_30_DAYS"},
                {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
            ],
            tags={"Name": title},
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        aws.efs.FileSystemPolicy(label, file_system_id=system.id, policy=mounts_with_tls(system.arn), opts=child)
        aws.efs.BackupPolicy(label, file_system_id=system.id, backup_policy={"status": "ENABLED"}, opts=child)
        targets: list[pulumi.Resource] = [
            aws.efs.MountTarget(
                f"{label}-{index}",
                file_system_id=system.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=child,
            )
            for index, subnet in enumerate(args.subnets)
        ]
        return system, targets
