"""A component that is renamed in code keeps its resources when it names its former name as an alias."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pulumi_aws as aws
from typing_extensions import override

from components.kubernetes.objects import password
from components.substrates.aws import postgres
from components.substrates.aws.logs import LogRetention
from components.substrates.aws.rds import RdsServer, RdsServerArgs, ServerSize
from components.substrates.aws.redis import Redis, RedisArgs
from components.substrates.aws.site import Site
from providers.aws_emulation.emulation import emulation
from tests.engine.aws import AwsStack
from tests.engine.aws_program import ACCOUNT, REGION, Everything
from tests.engine.stacks import Program, Stack


class Inner(pulumi.ComponentResource):
    """Names its child after itself, as the components of this project do."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("mlplatform:test:Inner", name, None, opts)
        self.value = password(f"{name}-admin", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


class Outer(pulumi.ComponentResource):
    """Two levels deep, like a store with its server; one child has an independent name, like a role of an account."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:test:Outer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pulumi.export("inner", Inner(f"{name}-server", child).value)
        pulumi.export("own", password("materialization", child))
        self.register_outputs({})


def program(name: str, *aliases: str) -> Program:
    known = [pulumi.Alias(name=alias) for alias in aliases]
    return lambda: Outer(name, pulumi.ResourceOptions(aliases=known))


def test_an_alias_on_the_component_keeps_everything_in_it(alone: Stack) -> None:
    before = alone.up(program("postgres")).outputs
    renamed = alone.up(program("database", "postgres"))
    assert renamed.outputs == before
    assert set(renamed.changes) == {"same"}
    passwords = {name for name, entry in alone.resources().items() if entry["custom"]}
    assert passwords == {"database-server-admin", "materialization"}


def test_without_the_alias_everything_would_be_replaced(alone: Stack) -> None:
    """Shows that the test above can fail."""
    before = alone.up(program("postgres")).outputs
    renamed = alone.up(program("database"))
    assert renamed.outputs["inner"] != before["inner"]
    assert renamed.changes["delete"] >= 2


def test_the_alias_may_go_once_every_stack_has_seen_it(alone: Stack) -> None:
    before = alone.up(program("postgres")).outputs
    alone.up(program("database", "postgres"))
    after = alone.up(program("database"))
    assert after.outputs == before
    assert set(after.changes) == {"same"}


class RenamedStores(Everything):
    """The program's own database server and Redis in a network; the test changes their names."""

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, str] = ("postgres", "redis")
        self.known: tuple[str, str] | None = None

    @override
    def __call__(self) -> None:
        self.opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region=REGION))
        self.network()
        self.keys()
        site = Site(environment="dev", account=ACCOUNT, region=REGION, protect=False, final_snapshots=True)
        kept = LogRetention(days=7, key_arn=self.key.arn)
        subnets = [subnet.id for subnet in self.subnets]
        size = ServerSize(
            version="17",
            instance_class="db.t4g.medium",
            storage_gib=20,
            max_storage_gib=100,
            multi_az=False,
            backup_days=1,
        )
        server = RdsServerArgs(
            site=site,
            engine=postgres.ENGINE,
            size=size,
            vpc_id=self.vpc.id,
            subnets=subnets,
            node_security_group=self.group.id,
            key_arn=self.key.arn,
            authorities="PEM",
            retention=kept,
        )
        store = RedisArgs(
            site=site,
            version="7.1",
            node_type="cache.t4g.small",
            replicas=1,
            snapshot_days=1,
            vpc_id=self.vpc.id,
            subnets=subnets,
            node_security_group=self.group.id,
            key_arn=self.key.arn,
            retention=kept,
        )
        RdsServer(self.names[0], server, self.called(0))
        Redis(self.names[1], store, self.called(1))

    def called(self, number: int) -> pulumi.ResourceOptions:
        aliases = [pulumi.Alias(name=self.known[number])] if self.known else []
        return pulumi.ResourceOptions.merge(self.opts, pulumi.ResourceOptions(aliases=aliases))


def test_stores_in_aws_stay_as_they_are_when_their_components_are_renamed(tmp_path: Path) -> None:
    program = RenamedStores()
    with emulation(tmp_path / "account", ACCOUNT, REGION) as account:
        stack = AwsStack(tmp_path / "stack", account)
        stack.up(program)
        program.known, program.names = program.names, ("offline-store", "online-store")
        renamed = stack.preview(program)
        assert renamed.changes.keys() == {"same"}, renamed.operations()
        program.known = None
        assert stack.preview(program).changes["create"] > 10, "without the alias they would be made again"
