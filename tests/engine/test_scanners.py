"""Scanners on the stacks' resources: kubeconform with a real API server's schemas, checkov on AWS resources."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from artifacts import manifests, toolchain
from common import paths
from policy.model import Data, Resource, Stack
from policy.render import render_stack
from policy.scanners import checkov, kubeconform, schemas
from policy.scanners.skips import skips, unexplained
from policy.scanners.terraform import plan
from tests.engine.control_plane import ControlPlane

STACKS = sorted(path.name.split(".")[1] for path in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"))
CLOUD = [name for name in STACKS if name != "local"]
LEAST_CHECKS = 300
"""Smallest number of passed checks of checkov on any stack; fewer mean that it no longer reads the resources."""


@pytest.fixture(scope="module")
def stacks() -> Mapping[str, Stack]:
    manifests.ensure()
    return {name: render_stack(name) for name in STACKS}


@pytest.fixture(scope="module")
def known(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return schemas of all kinds, built-in and upstream."""
    toolchain.ensure(["kubeconform"])
    manifests.ensure()
    files = schemas.of_openapi(plane.get("/openapi/v2"))
    for path in paths.UPSTREAM.glob("*/crds.yaml"):
        files |= schemas.of_crds(item for item in yaml.load_all(path.read_text(), yaml.CSafeLoader) if item)
    return schemas.write(files, tmp_path_factory.mktemp("schemas"))


@pytest.mark.parametrize("name", STACKS)
def test_every_object_fits_its_schema(name: str, stacks: Mapping[str, Stack], known: Path, tmp_path: Path) -> None:
    found = kubeconform.objects(stacks[name])
    assert len(found) > 60
    assert kubeconform.validate(found, known, tmp_path) == []


def spoiled(item: Resource, path: list[Any], value: Data) -> Resource:
    inputs = copy.deepcopy(dict(item.inputs))
    node = inputs
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return replace(item, inputs=inputs)


SPOILED: list[tuple[str, list[Any], Data]] = [
    ("Deployment/mlflow", ["spec", "replica"], 1),
    ("Deployment/mlflow", ["spec", "template", "spec", "containers", 0, "imagePullPolice"], "Never"),
    ("Deployment/mlflow", ["spec", "replicas"], "many"),
    ("Service/mlflow", ["spec", "ports"], "http"),
    ("HTTPRoute/mlflow", ["spec", "rules", 0, "backendRef"], []),
    ("Namespace/mlflow", ["apiVersion"], "v7"),
]


@pytest.mark.parametrize(("subject", "path", "value"), SPOILED)
def test_an_object_that_does_not_fit_is_refused(
    subject: str, path: list[Any], value: Data, stacks: Mapping[str, Stack], known: Path, tmp_path: Path
) -> None:
    kind, name = subject.split("/")
    [item] = [one for one in stacks["local"].resources if one.kind == kind and one.name.split("/")[0] == name]
    refused = kubeconform.validate([spoiled(item, path, value)], known, tmp_path)
    assert len(refused) == 1
    assert refused[0].subject.startswith(subject)


@pytest.mark.parametrize("name", CLOUD)
def test_checkov_finds_nothing_unexplained(name: str, stacks: Mapping[str, Stack], tmp_path: Path) -> None:
    found = checkov.scan(plan(stacks[name]), tmp_path)
    left, unused = unexplained(found.failed, skips(), name)
    assert left == []
    assert unused == [], "remove these skips"
    assert found.passed > LEAST_CHECKS


PLANTED = {
    "CKV_AWS_16": ("aws:rds/instance:Instance", "storageEncrypted", False),
    "CKV_AWS_17": ("aws:rds/instance:Instance", "publiclyAccessible", True),
    "CKV_AWS_79": ("aws:ec2/launchTemplate:LaunchTemplate", "metadataOptions", {"httpTokens": "optional"}),
    "CKV_AWS_51": ("aws:ecr/repository:Repository", "imageTagMutability", "MUTABLE"),
    "CKV_AWS_7": ("aws:kms/key:Key", "enableKeyRotation", False),
    "CKV_AWS_30": ("aws:elasticache/replicationGroup:ReplicationGroup", "transitEncryptionEnabled", False),
    "CKV_AWS_53": ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicAcls", False),
    "CKV_AWS_37": ("aws:eks/cluster:Cluster", "enabledClusterLogTypes", ["api"]),
    "CKV_AWS_63": (
        "aws:iam/rolePolicy:RolePolicy",
        "policy",
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
    ),
    # Checks that follow references between resources.
    "CKV2_AWS_6": ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "bucket", "another-bucket"),
    "CKV_AWS_21": ("aws:s3/bucketVersioning:BucketVersioning", "bucket", "another-bucket"),
    "CKV2_AWS_11": ("aws:ec2/flowLog:FlowLog", "vpcId", "another-network"),
}


def test_checkov_finds_what_is_planted(stacks: Mapping[str, Stack], tmp_path: Path) -> None:
    """One field changed in each of many resources fails its check, so checkov reads the converted fields."""
    stack = stacks["prod"]
    resources = list(stack.resources)
    for kind, key, value in PLANTED.values():
        number = next(number for number, item in enumerate(resources) if item.type == kind)
        resources[number] = spoiled(resources[number], [key], value)
    found = checkov.scan(plan(replace(stack, resources=resources)), tmp_path)
    left, _ = unexplained(found.failed, skips(), "prod")
    assert set(PLANTED) - {item.check for item in left} == set()
