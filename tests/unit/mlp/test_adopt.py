"""Adoption of resources that a killed update created in AWS: found by all of their inputs, never by a part of them."""

from __future__ import annotations

from typing import Any, cast
from unittest import mock

import pytest

from common import paths
from common.errors import UserError
from infra.settings import load_stack
from mlp.emulated import emulated_account
from mlp.engine import adopt
from providers.aws_emulation.kinds import kinds

REPEATED = {
    "aws:autoscaling/tag:Tag",
    "aws:iam/policy:Policy",
    "aws:route53/record:Record",
    "aws:secretsmanager/secretVersion:SecretVersion",
}
"""Types whose creation can be repeated, or that the platform does not use."""


def answering(monkeypatch: pytest.MonkeyPatch, operation: str, answer: dict[str, Any]) -> None:
    """Make the account return the same response to every call of one operation."""
    client = mock.Mock(**{f"{operation}.return_value": answer})
    monkeypatch.setattr(adopt, "_client", mock.Mock(return_value=client))


def test_every_type_is_found_again_or_can_be_made_again() -> None:
    settings_of_buckets = {token for token in kinds() if token.startswith("aws:s3/bucket") and "Bucket" in token}
    repeated = REPEATED | (settings_of_buckets - {"aws:s3/bucket:Bucket"})
    assert set(adopt.identities()) == set(kinds()) - repeated


def test_an_identity_is_never_guessed_from_half_of_its_inputs() -> None:
    assert adopt.filled("{role}:{name}", {"role": "a", "name": "b"}) == "a:b"
    assert adopt.filled("{role}:{name}", {"role": "a"}) is None
    assert adopt.filled("FromPort==`{fromPort}`", {"fromPort": 443.0}) == "FromPort==`443`"
    assert adopt.filled({"Filters": [{"Values": ["{vpcId}"]}]}, {}) is None
    assert adopt.filled("{tags.Name}", {"tags": {"Name": "a"}}) == "a"
    assert adopt.filled("{tags.Name}", {"tags": {}}) is None
    assert adopt.filled("{password}", {"password": {"4dabf18193072939515e22adb298388d": "secret"}}) is None


def test_the_identity_of_another_resource_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [{"ResourceId": "subnet-1"}, {"ResourceId": "subnet-2"}]
    answering(monkeypatch, "describe_tags", {"Tags": tags})
    inputs: dict[str, Any] = {"tags": {"Name": "private"}}
    assert adopt.identify({"tagged": "subnet"}, inputs, "eu-central-1", {"subnet-1"}) == "subnet-2"
    assert adopt.identify({"tagged": "subnet"}, {"tags": {}}, "eu-central-1", set()) is None


def test_what_the_service_does_not_have_is_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "describe_security_groups", {"SecurityGroups": []})
    rule = cast("dict[str, Any]", adopt.identities()["aws:ec2/securityGroup:SecurityGroup"])
    assert adopt.identify(rule, {"name": "a", "vpcId": "vpc-1"}, "eu-central-1", set()) is None


def test_only_a_stack_on_aws_is_previewed_against_an_emulated_account() -> None:
    settings = load_stack(paths.ROOT / "stacks" / "Pulumi.local.yaml")
    with pytest.raises(UserError, match="not on AWS"), emulated_account(settings):
        pass
