"""Test settings of stacks on AWS: unusable and unsafe values are refused with key, value and remedy."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from common import paths
from common.errors import UserError
from infra import settings


def values(stack: str) -> dict[str, Any]:
    return settings.own_values(yaml.safe_load((paths.ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"])


PROD = values("prod")


def refused(path: str, value: object, *, base: dict[str, Any] = PROD) -> str:
    changed = copy.deepcopy(base)
    *sections, key = path.split("/")
    node = changed
    for section in sections:
        node = node[section]
    if value is None:
        del node[key]
    else:
        node[key] = value
    with pytest.raises(UserError) as caught:
        settings.parse(changed, stack="prod")
    return str(caught.value)


ZONES = "aws/network/zones"
RULES: list[tuple[str, object, list[str]]] = [
    # Address ranges.
    (
        f"{ZONES}/eu-central-1b/private",
        "10.40.64.0/18",
        ["network.zones.eu-central-1b.private", "10.40.64.0/18", "does not overlap zones.eu-central-1a.private"],
    ),
    (f"{ZONES}/eu-central-1a/private", "10.40.64.0/24", ["zones.eu-central-1a.private", "at most /22"]),
    (f"{ZONES}/eu-central-1a/public", "10.40.0.0/28", ["zones.eu-central-1a.public", "at most /27"]),
    (f"{ZONES}/eu-central-1a/database", "10.40.16.0/29", ["zones.eu-central-1a.database", "at most /28"]),
    (f"{ZONES}/eu-central-1a/public", "10.99.0.0/24", ["10.99.0.0/24", "a part of network.cidr 10.40.0.0/16"]),
    ("aws/network/cidr", "10.0.0.0/8", ["aws.network.cidr", "10.0.0.0/8", "/16 to /28"]),
    ("aws/network/service_cidr", "10.40.0.0/20", ["aws.network.service_cidr", "does not overlap cidr 10.40.0.0/16"]),
    ("aws/network/service_cidr", "172.20.0.0/25", ["aws.network.service_cidr", "/12 to /24"]),
    ("aws/network/service_cidr", "100.64.0.0/16", ["aws.network.service_cidr", "100.64.0.0/16", "172.16.0.0/12"]),
    ("aws/network/service_cidr", "172.32.0.0/16", ["aws.network.service_cidr", "172.32.0.0/16", "172.16.0.0/12"]),
    ("aws/network/peers", ["10.40.128.0/20"], ["aws.network.peers.0", "10.40.128.0/20", "does not overlap cidr"]),
    (f"{ZONES}/eu-central-1a/public", "10.40.0.1/24", ["zones.eu-central-1a.public", "by its first address"]),
    # Offers of the region.
    ("aws/region", "eu-atlantis-1", ["aws.region", "eu-atlantis-1", "eu-central-1, eu-west-1"]),
    (
        f"{ZONES}/eu-central-1x",
        {"public": "10.40.9.0/24", "private": "10.40.4.0/22", "database": "10.40.20.0/24"},
        ["aws.network.zones", "two or three"],
    ),
    ("aws/node_groups/gpu/instance_types", ["p5.48xlarge"], ["node_groups.gpu.instance_types", "p5.48xlarge", "g5."]),
    (
        "aws/node_groups/gpu/instance_types",
        ["g5.xlarge", "g5.12xlarge"],
        ["g5.xlarge has 1, g5.12xlarge has 4", "same number of GPUs"],
    ),
    *(
        ("aws/node_groups/cpu/instance_types", ["m7a.xlarge", kind], ["node_groups.cpu.instance_types", kind, "x86"])
        for kind in ("m7g.xlarge", "c7gn.large", "r8g.medium", "x2gd.large", "im4gn.large", "t4g.large", "a1.large")
    ),
    ("aws/node_groups/gpu/instance_types", ["g5g.xlarge"], ["node_groups.gpu.instance_types", "g5g.xlarge", "x86"]),
    ("aws/mysql/instance_class", "db.t4g.micro", ["aws.mysql.instance_class", "db.t4g.micro", "medium or larger"]),
    ("aws/mysql/instance_class", "db.t3.small", ["aws.mysql.instance_class", "db.t3.small", "Performance Insights"]),
    # Rules of production.
    ("aws/postgres/multi_az", False, ["aws.postgres.multi_az", "false", "true in production"]),
    ("aws/mysql/multi_az", False, ["aws.mysql.multi_az", "false", "true in production"]),
    ("aws/redis/replicas", 0, ["aws.redis.replicas", "0", "at least 1 in production"]),
    ("aws/network/nat", "single", ["aws.network.nat", "single", "per-zone in production"]),
    (f"{ZONES}/eu-central-1c", None, ["aws.network.zones", "2", "three zones in production"]),
    ("aws/postgres/backup_days", 1, ["aws.postgres.backup_days", "1", "at least 7"]),
    ("aws/protect_data", False, ["aws.protect_data", "false", "aws.decommission"]),
    ("aws/final_snapshots", False, ["aws.final_snapshots", "false", "true in production"]),
    ("aws/decommission", "dev", ["aws.decommission", "dev", "prod, the environment's name"]),
    ("mlflow/replicas", 1, ["mlflow.replicas", "1", "at least 2 in production"]),
    ("gateway/replicas", 1, ["gateway.replicas", "1", "at least 2 in production"]),
    # Network access and roles.
    ("aws/cluster/public_cidrs", ["0.0.0.0/0"], ["aws.cluster.public_cidrs", "0.0.0.0/0", "not be open to everybody"]),
    (
        "aws/cluster/public_cidrs",
        ["203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1"],
        ["aws.cluster.public_cidrs", "0.0.0.0/1", "/8 or narrower"],
    ),
    ("aws/entrance/cidrs", ["0.0.0.0/0"], ["aws.entrance.cidrs", "0.0.0.0/0", "not be open to everybody"]),
    ("aws/entrance/cidrs", ["10.0.0.0/8", "12.0.0.0/7"], ["aws.entrance.cidrs", "12.0.0.0/7", "/8 or narrower"]),
    (
        "aws/cluster/administrators",
        ["arn:aws:iam::999999999999:role/x"],
        ["aws.cluster.administrators", "999999999999", "roles of account 333333333333"],
    ),
    ("aws/cluster/administrators", [], ["aws.cluster.administrators", "at least 1 item"]),
    ("aws/account_id", "12345", ["aws.account_id", "'12345'", "pattern"]),
    ("aws/account_id", 333333333333, ["aws.account_id", "333333333333", "string"]),
    # Sizes.
    ("aws/node_groups/cpu/initial", 99, ["node_groups.cpu.initial", "99", "from minimum 2 to maximum 40"]),
    ("aws/postgres/max_storage_gib", 201, ["postgres.max_storage_gib", "201", "10 % more than storage_gib 200"]),
    ("aws/budget/emails", ["nobody"], ["aws.budget.emails.0", "'nobody'"]),
    ("aws/entrance/host", "ml", ["aws.entrance.host", "'ml'"]),
    ("aws/netwrok", {}, ["aws.netwrok", "an unknown key", "network"]),
    ("aws", None, ["mlplatform:aws", "nothing", "a section, because substrate is aws"]),
    ("local", {}, ["mlplatform:local", "a section", "nothing, because substrate is aws"]),
]


@pytest.mark.parametrize(("path", "value", "expected"), RULES, ids=[f"{path}={value}" for path, value, _ in RULES])
def test_a_rule_refuses_with_key_value_and_remedy(path: str, value: object, expected: list[str]) -> None:
    message = refused(path, value)
    for part in expected:
        assert part in message, message
    assert "edit stacks/Pulumi.prod.yaml" in message


def test_an_unknown_zone_is_refused_with_those_of_the_region() -> None:
    changed = copy.deepcopy(PROD)
    zones = changed["aws"]["network"]["zones"]
    zones["eu-central-1z"] = zones.pop("eu-central-1c")
    with pytest.raises(UserError) as caught:
        settings.parse(changed, stack="prod")
    for part in ("aws.network.zones", "eu-central-1z", "eu-central-1a, eu-central-1b, eu-central-1c"):
        assert part in str(caught.value)


def test_a_gpu_type_of_another_region_is_taken_there() -> None:
    changed = copy.deepcopy(PROD)
    aws = changed["aws"]
    aws["region"] = "us-east-1"
    zones = aws["network"]["zones"]
    aws["network"]["zones"] = {zone.replace("eu-central-1", "us-east-1"): value for zone, value in zones.items()}
    aws["node_groups"]["gpu"]["instance_types"] = ["p5.48xlarge"]
    assert settings.parse(changed, stack="prod").aws is not None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(
            ("node_groups/cpu/instance_types", [f"{family}.xlarge"])
            for family in ("m7a", "c7i", "r6in", "i4i", "m7i-flex")
        ),
        *(
            ("node_groups/gpu/instance_types", [kind])
            for kind in ("g5.xlarge", "g6.xlarge", "g4dn.xlarge", "p3.2xlarge")
        ),
        ("postgres/instance_class", "db.t4g.micro"),
        ("mysql/instance_class", "db.t4g.medium"),
        ("network/service_cidr", "192.168.0.0/20"),
    ],
    ids=str,
)
def test_what_only_looks_alike_is_taken(path: str, value: object) -> None:
    changed = copy.deepcopy(PROD)
    *sections, key = path.split("/")
    node = changed["aws"]
    for section in sections:
        node = node[section]
    node[key] = value
    assert settings.parse(changed, stack="prod").aws is not None


def test_production_can_be_decommissioned_by_naming_it() -> None:
    changed = copy.deepcopy(PROD)
    changed["aws"].update(protect_data=False, decommission="prod")
    assert settings.parse(changed, stack="prod").aws is not None


def test_everything_that_makes_production_unsafe_comes_in_one_message() -> None:
    changed = copy.deepcopy(PROD)
    changed["aws"]["postgres"]["multi_az"] = False
    changed["aws"]["redis"]["replicas"] = 0
    with pytest.raises(UserError, match="2 settings of stack prod are invalid") as caught:
        settings.parse(changed, stack="prod")
    for part in ("mlplatform:aws.postgres.multi_az: false", "mlplatform:aws.redis.replicas: 0"):
        assert part in str(caught.value)


def test_development_may_be_small() -> None:
    aws = settings.parse(values("dev"), stack="dev").aws
    assert aws is not None
    assert not aws.postgres.multi_az
    assert not aws.protect_data


def test_stacks_differ_only_in_values() -> None:
    def shape(node: object) -> object:
        if isinstance(node, dict):
            return {key: shape(item) for key, item in node.items()}
        return "a list" if isinstance(node, list) else None

    def comparable(stack: str) -> object:
        found = copy.deepcopy(values(stack))
        network = found["aws"]["network"]
        # Zones and endpoints may differ in number.
        network["zones"] = next(iter(network["zones"].values()))
        network.setdefault("interface_endpoints", [])
        return shape(found)

    assert comparable("dev") == comparable("staging") == comparable("prod")


def test_the_environments_can_be_connected() -> None:
    ranges = [values(stack)["aws"]["network"]["cidr"] for stack in ("dev", "staging", "prod")]
    assert len(set(ranges)) == 3
    for stack, own in zip(("dev", "staging", "prod"), ranges, strict=True):
        assert sorted([own, *values(stack)["aws"]["network"]["peers"]]) == sorted(ranges)
