"""VPC endpoints: S3 without NAT in every stack, other services as settings require."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws.network import Network
from components.substrates.aws.security_groups import security_group
from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """Arguments of `Endpoints`.

    Attributes:
        site: Account, region and names.
        network: The VPC.
        cidr: CIDR of the VPC, from which interface endpoints accept connections.
        interfaces: Services that get an endpoint in the private subnets, such as `ecr.api`.
    """

    site: Site
    network: Network
    cidr: str
    interfaces: Sequence[str]


class Endpoints(pulumi.ComponentResource):
    """The endpoints of one VPC."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Endpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        site, network = args.site, args.network
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=network.vpc_id,
            service_name=f"com.amazonaws.{site.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[*network.private_route_tables, network.database_route_table],
            tags={"Name": site.name("s3")},
            opts=child,
        )
        if args.interfaces:
            group = security_group(
                name,
                site.name("endpoints"),
                network.vpc_id,
                port=443,
                description="HTTPS from the VPC to interface endpoints",
                ingress="HTTPS from the VPC",
                source_cidr=args.cidr,
                opts=child,
            )
            for service in args.interfaces:
                aws.ec2.VpcEndpoint(
                    f"{name}-{service.replace('.', '-')}",
                    vpc_id=network.vpc_id,
                    service_name=f"com.amazonaws.{site.region}.{service}",
                    vpc_endpoint_type="Interface",
                    subnet_ids=network.subnets["private"],
                    security_group_ids=[group.id],
                    private_dns_enabled=True,
                    tags={"Name": site.name(service.replace(".", "-"))},
                    opts=child,
                )
        self.register_outputs({})
