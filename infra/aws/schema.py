"""Settings of a stack on AWS, with the rules between them."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from components.section import Problem, Section, refused, refused_together
from infra.aws import networks
from infra.aws.regions import regions

Account = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:role/.+$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
Cidr = Annotated[IPv4Network, Field(strict=False)]
CidrList = Annotated[tuple[Cidr, ...], Field(strict=False)]
ARM = re.compile(r"(a1|[a-z]+[0-9]+g[a-z-]*)\.")
"""EC2 types with a Graviton processor: `g` directly after the generation (`m7g`, `c7gn`, `g5g`), and the family a1."""

WITHOUT_INSIGHTS = re.compile(r"db\.t[234]g?\.(micro|small)")
"""Instance classes on which RDS has no Performance Insights for MySQL."""

InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]


class Zone(Section):
    """Subnets in one availability zone."""

    public: Cidr = Field(description="CIDR of load balancers and NAT; at most /27")
    private: Cidr = Field(description="CIDR of nodes and pods; every pod takes an address; at most /22")
    database: Cidr = Field(description="CIDR of managed data stores, without a route to the internet; at most /28")


class Network(Section):
    """The VPC."""

    cidr: Cidr = Field(description="CIDR of the VPC; /16 to /28")
    service_cidr: Cidr = Field(description="CIDR of Kubernetes Services; outside the VPC; /12 to /24")
    zones: dict[str, Zone] = Field(description="subnets by availability zone; two or three zones")
    nat: Literal["single", "per-zone"] = Field(description="one NAT gateway for all zones, or one in each zone")
    peers: CidrList = Field(
        default=(), description="CIDRs of networks that are or will be connected to the VPC; must not overlap it"
    )
    interface_endpoints: tuple[str, ...] = Field(
        default=(), strict=False, description="services with an endpoint in the VPC, for example `ecr.api`"
    )

    @model_validator(mode="after")
    def _ranges_fit(self) -> Network:
        if not 16 <= self.cidr.prefixlen <= 28:
            raise refused("cidr", self.cidr, "a prefix length from /16 to /28, the limits of AWS")
        if not 12 <= self.service_cidr.prefixlen <= 24:
            raise refused("service_cidr", self.service_cidr, "a prefix length from /12 to /24, the limits of EKS")
        if not any(self.service_cidr.subnet_of(private) for private in networks.PRIVATE):
            allowed = ", ".join(map(str, networks.PRIVATE))
            raise refused("service_cidr", self.service_cidr, f"a part of {allowed}, as EKS requires")
        if not 2 <= len(self.zones) <= 3:
            raise refused("zones", ", ".join(self.zones), "two or three zones")
        for name, zone in self.zones.items():
            self._zone_fits(name, zone)
        return self

    def _zone_fits(self, name: str, zone: Zone) -> None:
        subnets = {"public": zone.public, "private": zone.private, "database": zone.database}
        for kind, subnet in subnets.items():
            if not subnet.subnet_of(self.cidr):
                raise refused(f"zones.{name}.{kind}", subnet, f"a part of network.cidr {self.cidr}")
        if small := networks.too_small(subnets):
            kind, most = small
            raise refused(f"zones.{name}.{kind}", subnets[kind], f"a larger range: a prefix length of at most /{most}")

    @model_validator(mode="after")
    def _nothing_overlaps(self) -> Network:
        subnets = [
            (f"zones.{name}.{kind}", getattr(zone, kind))
            for name, zone in self.zones.items()
            for kind in ("public", "private", "database")
        ]
        outside = [("cidr", self.cidr), ("service_cidr", self.service_cidr)]
        outside += [(f"peers.{index}", peer) for index, peer in enumerate(self.peers)]
        for ranges in (subnets, outside):
            if found := networks.first_overlap(ranges):
                first, second = found
                values = dict(ranges)
                raise refused(second, values[second], f"a range that does not overlap {first} {values[first]}")
        return self


class Cluster(Section):
    """The EKS cluster."""

    version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}$")] = Field(
        description="Kubernetes version; all stacks, local too, are tested with this one"
    )
    administrators: tuple[RoleArn, ...] = Field(
        strict=False,
        min_length=1,
        description="IAM roles with full access; the role that runs updates must be one of them",
    )
    public_cidrs: CidrList = Field(
        default=(),
        description="CIDRs that may reach the API server from outside the VPC, /8 or narrower; empty keeps it private",
    )
    addon_versions: dict[str, str] = Field(
        default_factory=dict, description="version by EKS add-on; by default AWS's default for the Kubernetes version"
    )

    @model_validator(mode="after")
    def _not_for_everybody(self) -> Cluster:
        if wide := networks.too_wide(self.public_cidrs):
            raise refused(
                "public_cidrs",
                wide,
                f"CIDRs of your own networks, /{networks.LEAST_PREFIX} or narrower, or none: the API server "
                "must not be open to everybody",
            )
        return self


class NodeGroup(Section):
    """A managed node group."""

    instance_types: tuple[InstanceType, ...] = Field(
        strict=False, min_length=1, description="EC2 types of equal size, the preferred one first"
    )
    capacity: Literal["on-demand", "spot"] = Field(description="spot nodes are cheaper, and AWS may reclaim them")
    minimum: int = Field(ge=0, le=100, description="minimum number of nodes")
    maximum: int = Field(ge=1, le=450, description="maximum number of nodes")
    initial: int = Field(ge=0, description="number of nodes at creation; the autoscaler changes it afterwards")
    volume_gib: int = Field(ge=20, le=2000, description="root volume of a node, in GiB")
    gpu: bool = Field(default=False, description="NVIDIA GPU nodes, with their own image, label and taint")
    labels: dict[str, str] = Field(default_factory=dict, description="labels in addition to the platform's own")

    @model_validator(mode="after")
    def _images_fit(self) -> NodeGroup:
        for kind in self.instance_types:
            if ARM.match(kind):
                raise refused("instance_types", kind, "x86 types, because no image of nodes or pods supports Arm")
        return self

    @model_validator(mode="after")
    def _sizes_are_ordered(self) -> NodeGroup:
        if not self.minimum <= self.initial <= self.maximum:
            raise refused("initial", self.initial, f"from minimum {self.minimum} to maximum {self.maximum}")
        return self


class Database(Section):
    """A server on RDS."""

    version: str = Field(description="major version (Postgres `17`, MySQL `8.4`); RDS installs minor versions")
    instance_class: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = Field(
        description="for example `db.m7g.large`"
    )
    storage_gib: int = Field(ge=20, le=65536, description="storage at creation, in GiB")
    max_storage_gib: int = Field(ge=20, le=65536, description="limit up to which RDS grows the storage, in GiB")
    multi_az: bool = Field(description="a standby in another zone")
    backup_days: int = Field(ge=1, le=35, description="days of point-in-time recovery")

    @model_validator(mode="after")
    def _may_grow(self) -> Database:
        # RDS refuses a limit less than 10 % above the allocated storage.
        if self.max_storage_gib < self.storage_gib * 1.1:
            raise refused(
                "max_storage_gib", self.max_storage_gib, f"at least 10 % more than storage_gib {self.storage_gib}"
            )
        return self


class OnlineStore(Section):
    """Redis on ElastiCache."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9]\.[0-9]$")] = Field(description="for example `7.1`")
    node_type: Annotated[str, StringConstraints(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")] = Field(
        description="for example `cache.m7g.large`"
    )
    replicas: int = Field(ge=0, le=5, description="replicas of the primary; with at least one, failover is automatic")
    snapshot_days: int = Field(ge=1, le=35, description="days for which daily snapshots are kept")


class Entrance(Section):
    """Users' access to the platform."""

    host: HostName = Field(description="DNS name of the platform")
    zone_id: Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]+$")] = Field(
        description="Route 53 hosted zone that contains the name"
    )
    internal: bool = Field(description="whether only the VPC and networks connected to it can reach the load balancer")
    cidrs: CidrList = Field(min_length=1, description="CIDRs that may connect; /8 or narrower")

    @model_validator(mode="after")
    def _not_for_everybody(self) -> Entrance:
        if wide := networks.too_wide(self.cidrs):
            raise refused(
                "cidrs",
                wide,
                f"CIDRs of your users' networks, /{networks.LEAST_PREFIX} or narrower: models "
                "and data must not be open to everybody",
            )
        return self


class Budget(Section):
    """Monthly budget."""

    monthly_usd: int = Field(ge=1, description="monthly limit of cost in US dollars")
    emails: tuple[Email, ...] = Field(
        strict=False, min_length=1, max_length=10, description="addresses that get the alarms"
    )
    percents: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        default=(50, 80, 100),
        strict=False,
        min_length=1,
        max_length=4,
        description="percentages of the limit that raise an alarm",
    )


class Aws(Section):
    """The AWS substrate."""

    account_id: Account = Field(description="account of the stack; credentials of another account are refused")
    region: str = Field(description="region; one of infra/aws/regions.yaml")
    cost_center: str = Field(description="value of the cost allocation tag `CostCenter` on all resources")
    tier: Literal["development", "production"] = Field(description="`production` turns on stricter rules")
    protect_data: bool = Field(description="Pulumi and AWS refuse to delete resources that hold data")
    final_snapshots: bool = Field(
        description="databases and Redis keep a final snapshot when they are deleted, whatever `protect_data` says"
    )
    decommission: str | None = Field(
        default=None, description="set it to the environment's name to allow a production stack without `protect_data`"
    )
    database_authorities: str | None = Field(
        default=None,
        description="file (PEM) with the authorities that verify Postgres and MySQL, relative to the checkout's root; "
        "by default AWS's authorities of the region",
    )
    log_days: Literal[30, 60, 90, 180, 365] = Field(description="days for which logs are kept")
    noncurrent_days: int = Field(ge=1, le=365, description="days for which deleted objects can be restored")
    network: Network
    cluster: Cluster
    node_groups: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")], NodeGroup] = Field(
        min_length=1, description="managed node groups by name"
    )
    postgres: Database
    mysql: Database
    redis: OnlineStore
    entrance: Entrance
    budget: Budget

    @model_validator(mode="after")
    def _region_offers_it(self) -> Aws:
        if self.region not in regions():
            raise refused("region", self.region, f"one of {', '.join(sorted(regions()))} (infra/aws/regions.yaml)")
        offered = regions()[self.region]
        for zone in self.network.zones:
            if zone not in offered.zones:
                raise refused("network.zones", zone, f"zones of {self.region}: {', '.join(offered.zones)}")
        for name, group in self.node_groups.items():
            for kind in group.instance_types:
                if group.gpu and kind not in offered.gpus:
                    raise refused(
                        f"node_groups.{name}.instance_types",
                        kind,
                        f"GPU types of {self.region}: {', '.join(offered.gpus)} (infra/aws/regions.yaml)",
                    )
            if group.gpu and len({offered.gpus[kind] for kind in group.instance_types}) > 1:
                counts = ", ".join(f"{kind} has {offered.gpus[kind]}" for kind in group.instance_types)
                raise refused(f"node_groups.{name}.instance_types", counts, "types with the same number of GPUs")
        return self

    @model_validator(mode="after")
    def _mysql_can_be_watched(self) -> Aws:
        seen = self.mysql.instance_class
        if WITHOUT_INSIGHTS.fullmatch(seen):
            raise refused(
                "mysql.instance_class", seen, "medium or larger: smaller MySQL servers have no Performance Insights"
            )
        return self

    @model_validator(mode="after")
    def _somewhere_to_run(self) -> Aws:
        if not any(group.minimum > 0 and not group.gpu for group in self.node_groups.values()):
            raise refused(
                "node_groups",
                ", ".join(self.node_groups),
                "at least one group without GPUs and with a minimum of 1 or more",
            )
        for arn in self.cluster.administrators:
            if arn.split(":")[4] != self.account_id:
                raise refused("cluster.administrators", arn, f"roles of account {self.account_id}")
        return self

    @model_validator(mode="after")
    def _production_is_safe(self) -> Aws:
        if self.tier != "production":
            return self
        rules: list[tuple[str, object, bool, str]] = [
            ("postgres.multi_az", self.postgres.multi_az, self.postgres.multi_az, "true"),
            ("mysql.multi_az", self.mysql.multi_az, self.mysql.multi_az, "true"),
            ("redis.replicas", self.redis.replicas, self.redis.replicas > 0, "at least 1"),
            ("network.nat", self.network.nat, self.network.nat == "per-zone", "per-zone"),
            ("network.zones", len(self.network.zones), len(self.network.zones) >= 3, "three zones"),
            ("postgres.backup_days", self.postgres.backup_days, self.postgres.backup_days >= 7, "at least 7"),
            ("mysql.backup_days", self.mysql.backup_days, self.mysql.backup_days >= 7, "at least 7"),
            ("final_snapshots", self.final_snapshots, self.final_snapshots, "true"),
            (
                "protect_data",
                self.protect_data,
                self.protect_data or self.decommission is not None,
                "true, or aws.decommission set to the environment's name",
            ),
        ]
        problems = [
            Problem(key, str(seen).lower(), f"{allowed} in production (aws.tier)")
            for key, seen, fine, allowed in rules
            if not fine
        ]
        if problems:
            raise refused_together(problems)
        return self
