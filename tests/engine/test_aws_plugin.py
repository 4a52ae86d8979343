"""Test the emulated aws plugin with the real engine: lifecycle of every type, drift, and refusals."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from botocore import xform_name

from providers.aws_emulation.account import UNSUPPORTED, session
from providers.aws_emulation.emulation import Emulation, emulation
from providers.aws_emulation.kinds import kinds
from providers.aws_emulation.requests import parameters
from tests.engine.aws import AwsStack
from tests.engine.aws_inventory import inventory
from tests.engine.aws_program import ACCOUNT, REGION, Everything

ON_THINGS_NOT_THERE = {"autoscaling", "route53"}
"""Services whose operations moto has without the resources that they act on."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    with emulation(tmp_path_factory.mktemp("account"), ACCOUNT, REGION) as running:
        yield running


@pytest.fixture
def aws_stack(account: Emulation, tmp_path: Path) -> AwsStack:
    return AwsStack(tmp_path, account)


def test_every_type_comes_up_stays_drifts_back_changes_and_goes(account: Emulation, aws_stack: AwsStack) -> None:
    empty = inventory(account)
    assert empty == {}
    program = Everything()
    planned = aws_stack.preview(program)
    made = aws_stack.up(program)
    assert made.changes == planned.changes
    deployment = aws_stack.auto.export_stack().deployment or {}
    types = {entry["type"] for entry in deployment["resources"]}
    assert {found for found in types if found.startswith("aws:")} == set(kinds())
    assert made.outputs["address"].endswith("rds.amazonaws.com")
    for canary in ("canary-of-the-database", "canary-of-redis-1234", "canary-of-the-secret"):
        assert canary not in aws_stack.raw_state() + planned.text + made.text

    assert aws_stack.up(program).operations() == {}
    refreshed = aws_stack.refresh(program)
    assert refreshed.changes.keys() == {"same"}, refreshed.text

    program.instance_class = "db.t4g.large"
    changed = aws_stack.up(program)
    assert changed.operations() == {"db": "update"}
    (live,) = account.client("rds").describe_db_instances()["DBInstances"]
    assert live["DBInstanceClass"] == "db.t4g.large"

    account.client("rds").modify_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.micro")
    account.client("secretsmanager").delete_secret(SecretId="mlp/secret", ForceDeleteWithoutRecovery=True)
    aws_stack.refresh(program)
    assert aws_stack.up(program).operations() == {"db": "update", "secret": "create"}
    (live,) = account.client("rds").describe_db_instances()["DBInstances"]
    assert live["DBInstanceClass"] == "db.t4g.large"

    program.tags = {"Name": "renamed"}
    assert aws_stack.up(program).operations() == {"vpc": "update"}
    vpcs = account.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["renamed"]}])
    assert len(vpcs["Vpcs"]) == 1
    program.cidr = "10.0.0.0/15"
    assert "replace" in aws_stack.preview(program).changes

    aws_stack.destroy()
    assert inventory(account) == {}


def declare_bucket(account_id: str = ACCOUNT, **settings: str) -> None:
    provider = aws.Provider("aws", region=REGION, allowed_account_ids=[account_id])
    opts = pulumi.ResourceOptions(provider=provider)
    aws.eks.Addon(
        "addon",
        cluster_name=settings.get("cluster", "cluster"),
        addon_name="vpc-cni",
        resolve_conflicts_on_create=settings.get("conflicts", "OVERWRITE"),
        opts=opts,
    )


def test_a_value_that_the_service_does_not_allow_fails_the_preview(aws_stack: AwsStack) -> None:
    with pytest.raises(pulumi.automation.CommandError, match="allowed: OVERWRITE, NONE, PRESERVE"):
        aws_stack.preview(lambda: declare_bucket(conflicts="PERHAPS"))


def test_credentials_of_another_account_are_refused(aws_stack: AwsStack) -> None:
    said = aws_stack.failure(lambda: declare_bucket("999999999999"))
    assert f"AWS account ID not allowed: {ACCOUNT}; allowed: 999999999999" in said


def test_what_belongs_to_a_thing_that_is_not_there_is_refused(aws_stack: AwsStack) -> None:
    assert "No cluster found for name: absent" in aws_stack.failure(lambda: declare_bucket(cluster="absent"))


@pytest.mark.parametrize("token", ["aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"])
def test_stores_change_at_once_only_where_the_program_says_so(token: str) -> None:
    """moto applies every change at once, so only the request itself can show the setting."""
    (change,) = kinds()[token].update
    for said in (True, False, None):
        sent = parameters(kinds()[token], change, {}, {"id": "x", "applyImmediately": said})
        assert sent.get("ApplyImmediately") is said


def test_the_plugin_never_talks_to_aws(aws_stack: AwsStack) -> None:
    variables = {**aws_stack.environment, "AWS_ENDPOINT_URL": "https://ec2.example.com"}
    aws_stack.auto.workspace.env_vars = variables
    assert "only accepts loopback" in aws_stack.failure(declare_bucket)


def test_operations_are_kept_only_where_the_emulation_lacks_them() -> None:
    for service, operations in UNSUPPORTED.items():
        module = importlib.import_module(f"moto.{service}.responses")
        answered = {
            name
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if kind.__module__ == module.__name__
            for name in dir(kind)
        }
        known = {xform_name(name) for name in session().get_service_model(service).operation_names}
        assert set(operations) <= known
        assert service in ON_THINGS_NOT_THERE or not set(operations) & answered, service
