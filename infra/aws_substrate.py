"""Converts the settings of a stack on AWS to the arguments of its substrate."""

from __future__ import annotations

from components.applications.checks import requested
from components.substrates.aws.budget import BudgetArgs
from components.substrates.aws.entrance import EntranceArgs
from components.substrates.aws.network import NetworkArgs, Zone
from components.substrates.aws.node_groups import Group
from components.substrates.aws.rds import ServerSize
from components.substrates.aws.stores import RedisSize, StoresArgs
from components.substrates.aws.substrate import AwsSubstrateArgs, ClusterSettings
from infra import image_references
from infra.aws.authorities import database_authorities
from infra.aws.regions import regions
from infra.aws.schema import Aws, Database, NodeGroup
from infra.aws_site import site_of
from infra.schema import Settings


def arguments(settings: Settings, aws: Aws) -> AwsSubstrateArgs:
    """Return the arguments of the AWS substrate."""
    site, tags = site_of(settings, aws), tags_of(settings, aws)
    names, registry = image_references.pulled(settings, aws)
    images = image_references.image_catalog(registry, settings.environment)
    return AwsSubstrateArgs(
        site=site,
        tags=tags,
        network=NetworkArgs(
            site=site,
            cidr=str(aws.network.cidr),
            zones=[
                Zone(name=name, public=str(zone.public), private=str(zone.private), database=str(zone.database))
                for name, zone in aws.network.zones.items()
            ],
            nat=aws.network.nat,
            cluster=site.prefix,
        ),
        interface_endpoints=aws.network.interface_endpoints,
        cluster=ClusterSettings(
            version=aws.cluster.version,
            service_cidr=str(aws.network.service_cidr),
            public_cidrs=[str(cidr) for cidr in aws.cluster.public_cidrs],
            administrators=aws.cluster.administrators,
            addon_versions=aws.cluster.addon_versions,
            groups=[group(name, described, aws.region) for name, described in aws.node_groups.items()],
        ),
        stores=StoresArgs(
            site=site,
            postgres=server(aws.postgres),
            mysql=server(aws.mysql),
            redis=RedisSize(
                version=aws.redis.version,
                node_type=aws.redis.node_type,
                replicas=aws.redis.replicas,
                snapshot_days=aws.redis.snapshot_days,
            ),
            requests=requested(settings.applications, settings.described_teams),
            authorities=database_authorities(aws.region, aws.database_authorities),
        ),
        noncurrent_days=aws.noncurrent_days,
        log_days=aws.log_days,
        entrance=EntranceArgs(
            host=aws.entrance.host,
            zone_id=aws.entrance.zone_id,
            internal=aws.entrance.internal,
            cidrs=[str(cidr) for cidr in aws.entrance.cidrs],
            tags=tags,
        ),
        budget=BudgetArgs(
            site=site, monthly_usd=aws.budget.monthly_usd, emails=aws.budget.emails, percents=aws.budget.percents
        ),
        images=images,
        registry=settings.registry,
        repositories=[] if settings.registry else names,
    )


def tags_of(settings: Settings, aws: Aws) -> dict[str, str]:
    """Return the tags of all resources; activate them as cost allocation tags in the billing account."""
    return {
        "Project": "mlplatform",
        "Environment": settings.environment,
        "ManagedBy": "pulumi",
        "CostCenter": aws.cost_center,
    }


def server(described: Database) -> ServerSize:
    """Return version, size and availability of a database server."""
    return ServerSize(**described.model_dump())


def group(name: str, described: NodeGroup, region: str) -> Group:
    """Return a node group."""
    return Group(
        name=name,
        instance_types=described.instance_types,
        capacity=described.capacity,
        minimum=described.minimum,
        maximum=described.maximum,
        initial=described.initial,
        volume_gib=described.volume_gib,
        gpus=regions()[region].gpus[described.instance_types[0]] if described.gpu else 0,
        labels=described.labels,
    )
