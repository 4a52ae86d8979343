"""VPC with public, private and database subnets in every zone. Only public subnets are reachable from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.substrates.aws.site import Site

Tier = Literal["public", "private", "database"]

LOAD_BALANCER_TAGS: Mapping[Tier, Mapping[str, str]] = {
    "public": {"kubernetes.io/role/elb": "1"},
    "private": {"kubernetes.io/role/internal-elb": "1"},
    "database": {},
}
"""Tags by which Kubernetes finds the subnets of load balancers."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Subnets of one availability zone.

    Attributes:
        name: Availability zone.
        public: CIDR of load balancers and NAT.
        private: CIDR of nodes and pods.
        database: CIDR of managed data stores, without a route to the internet.
    """

    name: str
    public: str
    private: str
    database: str


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Arguments of `Network`.

    Attributes:
        site: Account, region and names.
        cidr: CIDR of the VPC.
        zones: Subnets by zone, in the order of the settings.
        nat: One NAT gateway for all zones, or one in each zone.
        cluster: Name of the cluster that uses the subnets.
    """

    site: Site
    cidr: str
    zones: Sequence[Zone]
    nat: Literal["single", "per-zone"]
    cluster: str


class Network(pulumi.ComponentResource):
    """The VPC and its routes.

    Attributes:
        vpc_id: The VPC.
        subnets: Subnet ids by tier, one per zone.
        private_route_tables: Route tables of the private subnets.
        database_route_table: Route table of the database subnets, local routes only.
        egress: Resources that give private subnets their route to the internet.
    """

    vpc_id: pulumi.Output[str]
    subnets: Mapping[Tier, Sequence[pulumi.Output[str]]]
    private_route_tables: Sequence[pulumi.Output[str]]
    database_route_table: pulumi.Output[str]
    egress: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Network", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": args.site.prefix},
            opts=self._child,
        )
        self.vpc_id = vpc.id
        # A resource without an explicit security group gets this one, which allows nothing.
        aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], tags={"Name": args.site.name("default")}, opts=self._child
        )
        internet = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags={"Name": args.site.prefix}, opts=self._child)
        self.subnets = {
            "public": [self._subnet("public", zone, zone.public) for zone in args.zones],
            "private": [self._subnet("private", zone, zone.private) for zone in args.zones],
            "database": [self._subnet("database", zone, zone.database) for zone in args.zones],
        }
        public = self._route_table("public", self.subnets["public"])
        out = aws.ec2.Route(
            f"{name}-public",
            route_table_id=public,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=internet.id,
            opts=self._child,
        )
        self.database_route_table = self._route_table("database", self.subnets["database"])
        gateways = self._nat_gateways(internet, out)
        tables: list[pulumi.Output[str]] = []
        routes: list[pulumi.Resource] = []
        for index, zone in enumerate(args.zones):
            table = self._route_table(f"private-{zone.name}", [self.subnets["private"][index]])
            routes.append(
                aws.ec2.Route(
                    f"{name}-private-{zone.name}",
                    route_table_id=table,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateways[index % len(gateways)].id,
                    opts=self._child,
                )
            )
            tables.append(table)
        self.private_route_tables, self.egress = tables, [out, *routes]
        self.register_outputs({"vpc_id": self.vpc_id})

    def _subnet(self, tier: Tier, zone: Zone, cidr: str) -> pulumi.Output[str]:
        label = f"{tier}-{zone.name}"
        shared = {f"kubernetes.io/cluster/{self._args.cluster}": "shared"} if tier != "database" else {}
        return aws.ec2.Subnet(
            f"{self._name}-{label}",
            vpc_id=self.vpc_id,
            availability_zone=zone.name,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": self._args.site.name(label), **LOAD_BALANCER_TAGS[tier], **shared},
            opts=self._child,
        ).id

    def _route_table(self, label: str, subnets: Sequence[pulumi.Output[str]]) -> pulumi.Output[str]:
        table = aws.ec2.RouteTable(
            f"{self._name}-{label}", vpc_id=self.vpc_id, tags={"Name": self._args.site.name(label)}, opts=self._child
        )
        for index, subnet in enumerate(subnets):
            suffix = f"-{self._args.zones[index].name}" if len(subnets) > 1 else ""
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{label}{suffix}", route_table_id=table.id, subnet_id=subnet, opts=self._child
            )
        return table.id

    def _nat_gateways(self, internet: aws.ec2.InternetGateway, out: aws.ec2.Route) -> list[aws.ec2.NatGateway]:
        count = 1 if self._args.nat == "single" else len(self._args.zones)
        gateways = []
        for index in range(count):
            label = f"nat-{self._args.zones[index].name}"
            address = aws.ec2.Eip(
                f"{self._name}-{label}",
                domain="vpc",
                tags={"Name": self._args.site.name(label)},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[internet]),
            )
            gateways.append(
                aws.ec2.NatGateway(
                    f"{self._name}-{label}",
                    allocation_id=address.id,
                    subnet_id=self.subnets["public"][index],
                    tags={"Name": self._args.site.name(label)},
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[out]),
                )
            )
        return gateways
