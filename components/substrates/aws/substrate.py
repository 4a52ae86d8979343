"""The AWS substrate: one VPC, one EKS cluster and the managed services of the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.kubernetes.provider import kubernetes_provider
from components.substrates.aws.addons import BEFORE_NODES, Addons, AddonsArgs, after_nodes, external_dns
from components.substrates.aws.autoscaler import Autoscaler, AutoscalerArgs
from components.substrates.aws.budget import Budget, BudgetArgs
from components.substrates.aws.cluster import Cluster, ClusterArgs
from components.substrates.aws.endpoints import Endpoints, EndpointsArgs
from components.substrates.aws.entrance import Entrance, EntranceArgs
from components.substrates.aws.flow_logs import FlowLogs, FlowLogsArgs
from components.substrates.aws.gpu import DevicePlugin, DevicePluginArgs
from components.substrates.aws.kms import Keys
from components.substrates.aws.logs import LogRetention
from components.substrates.aws.network import Network, NetworkArgs
from components.substrates.aws.node_groups import Group, NodeGroups, NodeGroupsArgs
from components.substrates.aws.object_storage import ObjectStorage, ObjectStorageArgs
from components.substrates.aws.registry import Registry, RegistryArgs
from components.substrates.aws.site import Site
from components.substrates.aws.storage_classes import Volumes, VolumesArgs
from components.substrates.aws.stores import Stores, StoresArgs
from components.substrates.aws.upstream_images import upstream_image
from components.substrates.contract import ImageCatalog, Substrate


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Settings of the cluster; see `ClusterArgs`, `AddonsArgs` and `NodeGroupsArgs`."""

    version: str
    service_cidr: str
    public_cidrs: Sequence[str]
    administrators: Sequence[str]
    addon_versions: Mapping[str, str]
    groups: Sequence[Group]


@dataclass(frozen=True, kw_only=True)
class AwsSubstrateArgs:
    """Arguments of `AwsSubstrate`.

    Attributes:
        site: Account, region and names.
        tags: Tags of all resources, by which costs are allocated.
        network: The VPC.
        interface_endpoints: Services that get an endpoint in the private subnets.
        cluster: The cluster.
        stores: Postgres, MySQL and Redis.
        noncurrent_days: Days for which overwritten and deleted objects can be restored.
        log_days: Retention of logs in days.
        entrance: Users' access to the platform.
        budget: Monthly limit and recipients of alarms.
        images: References of images.
        registry: Registry in the stack's settings; None for the environment's own.
        repositories: Images for which the environment's own registry has a repository; empty with another registry.
    """

    site: Site
    tags: Mapping[str, str]
    network: NetworkArgs
    interface_endpoints: Sequence[str]
    cluster: ClusterSettings
    stores: StoresArgs
    noncurrent_days: int
    log_days: int
    entrance: EntranceArgs
    budget: BudgetArgs
    images: ImageCatalog
    registry: str | None
    repositories: Sequence[str]


class AwsSubstrate(pulumi.ComponentResource):
    """Everything that the platform runs on, in one account and region."""

    substrate: Substrate

    def __init__(self, name: str, args: AwsSubstrateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Substrate", name, None, opts)
        provider = aws.Provider(
            "aws",
            region=args.site.region,
            # Last safeguard: the provider refuses credentials of another account.
            allowed_account_ids=[args.site.account],
            default_tags={"tags": dict(args.tags)},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._child = pulumi.ResourceOptions(parent=self, providers={"aws": provider})
        keys = Keys("keys", args.site, self._child)
        retention = LogRetention(days=args.log_days, key_arn=keys.logs)
        network = self._network(args, retention)
        cluster, ready = self._cluster(args, network, keys, retention)
        kubernetes = kubernetes_provider(
            "kubernetes",
            cluster.kubeconfig,
            # The ARN, not the address, so that a changed kubeconfig replaces nothing in the cluster.
            args.site.arn("eks", f"cluster/{cluster.name}"),
            # Objects are created when the cluster can run pods, and deleted before it no longer can.
            pulumi.ResourceOptions(parent=self, depends_on=[*ready, *cluster.access]),
        )
        volumes = Volumes(
            "volumes",
            VolumesArgs(
                site=args.site,
                kubernetes=kubernetes,
                vpc_id=network.vpc_id,
                subnets=network.subnets["private"],
                node_security_group=cluster.security_group,
                key_arn=keys.volumes,
            ),
            self._child,
        )
        self._in_cluster(args, cluster, kubernetes)
        stores = Stores(
            "stores",
            args.stores,
            network=network,
            cluster=cluster,
            key_arn=keys.data,
            retention=retention,
            kubernetes=kubernetes,
            images=args.images,
            opts=self._child,
        )
        objects = ObjectStorage(
            "objects",
            ObjectStorageArgs(
                site=args.site,
                cluster=cluster,
                key_arn=keys.data,
                noncurrent_days=args.noncurrent_days,
                log_days=args.log_days,
                grants=args.stores.requests.grants,
            ),
            self._child,
        )
        if args.repositories:
            images = RegistryArgs(site=args.site, images=args.repositories, key_arn=keys.data)
            Registry("images", images, self._child)
        Budget("budget", args.budget, self._child)
        self.substrate = Substrate(
            environment=args.site.environment,
            kubernetes=kubernetes,
            kubeconfig=pulumi.Output.secret(cluster.kubeconfig),
            object_store=objects.store,
            postgres=stores.postgres,
            mysql=stores.mysql,
            redis=stores.redis,
            storage_classes=volumes.classes,
            images=args.images,
            gateway=Entrance("entrance", args.entrance, self._child).exposure,
        )
        self.register_outputs({})

    def _network(self, args: AwsSubstrateArgs, retention: LogRetention) -> Network:
        network = Network("network", args.network, self._child)
        Endpoints(
            "endpoints",
            EndpointsArgs(site=args.site, network=network, cidr=args.network.cidr, interfaces=args.interface_endpoints),
            self._child,
        )
        FlowLogs("flow-logs", FlowLogsArgs(site=args.site, vpc_id=network.vpc_id, retention=retention), self._child)
        return network

    def _cluster(
        self, args: AwsSubstrateArgs, network: Network, keys: Keys, retention: LogRetention
    ) -> tuple[Cluster, list[pulumi.Resource]]:
        site, wanted = args.site, args.cluster
        cluster = Cluster(
            "cluster",
            ClusterArgs(
                site=site,
                name=args.network.cluster,
                version=wanted.version,
                subnets=network.subnets["private"],
                service_cidr=wanted.service_cidr,
                public_cidrs=wanted.public_cidrs,
                administrators=wanted.administrators,
                key_arn=keys.cluster,
                retention=retention,
            ),
            self._child,
        )
        before = Addons(
            "addons-of-nodes",
            AddonsArgs(site=site, cluster=cluster, addons=BEFORE_NODES, versions=wanted.addon_versions),
            self._child,
        )
        nodes = NodeGroups(
            "nodes",
            NodeGroupsArgs(
                site=site,
                cluster=cluster,
                version=wanted.version,
                groups=wanted.groups,
                subnets=network.subnets["private"],
                key_arn=keys.volumes,
                tags=args.tags,
                requires=[*before.resources, *network.egress],
            ),
            self._child,
        )
        dns = external_dns(args.entrance.zone_id, cluster.name)
        after = Addons(
            "addons",
            AddonsArgs(
                site=site,
                cluster=cluster,
                addons=[*after_nodes(args.tags), dns],
                versions=wanted.addon_versions,
                requires=list(nodes.resources.values()),
            ),
            self._child,
        )
        return cluster, [*nodes.resources.values(), *after.resources]

    def _in_cluster(self, args: AwsSubstrateArgs, cluster: Cluster, kubernetes: k8s.Provider) -> None:
        Autoscaler(
            "cluster-autoscaler",
            AutoscalerArgs(
                site=args.site,
                cluster=cluster,
                kubernetes=kubernetes,
                image=upstream_image("cluster-autoscaler", args.registry),
            ),
            self._child,
        )
        if any(group.gpus for group in args.cluster.groups):
            DevicePlugin(
                "nvidia-device-plugin",
                DevicePluginArgs(kubernetes=kubernetes, image=upstream_image("nvidia-device-plugin", args.registry)),
                self._child,
            )
